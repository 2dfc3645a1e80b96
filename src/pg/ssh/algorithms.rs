//! How a session is set up: only algorithms without known weaknesses, and time limits.

use std::borrow::Cow;

use russh::keys::Algorithm;
use russh::{Preferred, cipher, client, compression, kex, mac};

use crate::limits;

/// The settings of a session that asks for these kinds of host keys.
pub(super) fn session_config(algorithms: &[Algorithm]) -> client::Config {
    client::Config {
        window_size: limits::SSH_WINDOW_BYTES,
        keepalive_interval: Some(limits::SSH_KEEPALIVE_INTERVAL),
        keepalive_max: limits::SSH_KEEPALIVE_UNANSWERED,
        inactivity_timeout: Some(limits::SSH_IDLE),
        nodelay: true,
        preferred: Preferred {
            kex: Cow::Borrowed(KEY_EXCHANGES),
            key: Cow::Owned(algorithms.to_vec()),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        ..client::Config::default()
    }
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

/// GCM first: it is fast, and what Terrapin (CVE-2023-48795) does not reach on a server that is not patched.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
