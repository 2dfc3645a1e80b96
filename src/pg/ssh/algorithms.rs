//! How a session is set up: only algorithms without known weaknesses, and time limits.

use std::borrow::Cow;

use russh::client::GexParams;
use russh::keys::Algorithm;
use russh::{Names, Preferred, cipher, client, compression, kex, mac};

use crate::limits;

/// The settings of a session that asks for these kinds of host keys. Without `strict` key exchange an attacker can cut
/// off the beginning of what is sent (Terrapin, CVE-2023-48795) unless the cipher is GCM or CTR with a plain MAC.
pub(super) fn session_config(algorithms: &[Algorithm], strict: bool) -> client::Config {
    let (ciphers, macs) = if strict {
        (Cow::Borrowed(CIPHERS), Cow::Borrowed(MACS))
    } else {
        (
            CIPHERS.iter().copied().filter(|cipher| *cipher != cipher::CHACHA20_POLY1305).collect(),
            MACS.iter().copied().filter(|mac| !is_etm(*mac)).collect(),
        )
    };
    client::Config {
        window_size: limits::SSH_WINDOW_BYTES,
        keepalive_interval: Some(limits::SSH_KEEPALIVE_INTERVAL),
        keepalive_max: limits::SSH_KEEPALIVE_UNANSWERED,
        inactivity_timeout: Some(limits::SSH_IDLE),
        nodelay: true,
        gex: GexParams::new(3072, 4096, 8192).unwrap_or_default(),
        preferred: Preferred {
            kex: Cow::Borrowed(KEY_EXCHANGES),
            key: Cow::Owned(algorithms.to_vec()),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: ciphers,
            mac: macs,
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        ..client::Config::default()
    }
}

/// Whether what was agreed on is what [`session_config`] asks for without strict key exchange.
pub(super) fn safe_without_strict(names: &Names) -> bool {
    let gcm = [cipher::AES_128_GCM, cipher::AES_256_GCM].contains(&names.cipher);
    let etm = is_etm(names.client_mac) || is_etm(names.server_mac);
    gcm || (names.cipher != cipher::CHACHA20_POLY1305 && !etm)
}

fn is_etm(mac: mac::Name) -> bool {
    mac.as_ref().contains("-etm@")
}

const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// GCM first: it is fast, and what Terrapin does not reach on a server that is not patched.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
