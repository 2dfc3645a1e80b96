//! PEM text as people paste it -> the blocks in it, each in the form that the strict parsers take.
//!
//! Accepts what forms and chat windows make of it: a literal `\n`, CRLF, blanks for line ends, indentation, text
//! around the blocks, no line end at the end.

use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};

use crate::limits;
use crate::secret::Secret;

/// One block between `-----BEGIN label-----` and `-----END label-----`.
pub(super) struct Block {
    /// What the block says it holds, such as `CERTIFICATE`.
    pub(super) label: String,
    /// Whether old-style headers say that it is encrypted.
    pub(super) legacy_encrypted: bool,
    /// The block, boundaries included, in lines of 64 characters.
    pub(super) text: Secret,
}

/// What is said of a key that asks for more than [`limits`] has.
pub(super) const TOO_COSTLY: &str =
    "asks for more work to be decrypted than any key should, so it is damaged or has to be converted";

impl Block {
    /// Whether an encrypted key in PKCS#8 asks for more work or memory before its passphrase can be tried than it may.
    pub(super) fn is_too_costly(&self) -> bool {
        let Ok((_, document)) = SecretDocument::from_pem(self.text.expose()) else { return false };
        let Ok(key) = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()) else { return false };
        match key.encryption_algorithm.pbes2().map(|parameters| &parameters.kdf) {
            Some(Kdf::Pbkdf2(asked)) => asked.iteration_count > limits::KEY_PBKDF2_ROUNDS,
            Some(Kdf::Scrypt(asked)) => {
                let bytes = asked.cost_parameter.saturating_mul(128 * u64::from(asked.block_size));
                // The library divides by nothing less.
                asked.cost_parameter < 2
                    || bytes > limits::KEY_SCRYPT_BYTES
                    || asked.parallelization > limits::KEY_SCRYPT_TIMES
            }
            _ => false,
        }
    }
}

/// The blocks of `text`, in their order; text that is not in a complete block is skipped.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    // A backslash is in no PEM alphabet.
    let text = text.replace("\\r", "\n").replace("\\n", "\n").replace('\r', "\n");
    let mut blocks = Vec::new();
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, after)) = after.split_once("-----") else { break };
        let Some((body, after)) = after.split_once(&format!("-----END {label}-----")) else {
            rest = after;
            continue;
        };
        blocks.push(block(label, body));
        rest = after;
    }
    blocks
}

fn block(label: &str, body: &str) -> Block {
    let mut headers = String::new();
    let mut base64 = String::with_capacity(body.len());
    for line in body.lines().map(str::trim) {
        if line.contains(':') {
            headers.push_str(line);
            headers.push('\n');
        } else {
            base64.extend(line.chars().filter(|c| !c.is_whitespace()));
        }
    }
    let legacy_encrypted = headers.contains("ENCRYPTED") || headers.contains("DEK-Info");
    let mut out = format!("-----BEGIN {label}-----\n");
    if !headers.is_empty() {
        out.push_str(&headers);
        out.push('\n');
    }
    let mut column = 0;
    for c in base64.chars() {
        out.push(c);
        column += 1;
        if column == 64 {
            out.push('\n');
            column = 0;
        }
    }
    if column > 0 {
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    Block { label: label.to_owned(), legacy_encrypted, text: Secret::new(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "-----BEGIN THING-----\nMTIzNDU2Nzg5\n-----END THING-----\n";

    #[test]
    fn forms_that_people_paste() {
        for given in [
            WANTED,
            "-----BEGIN THING-----\r\nMTIzNDU2\r\nNzg5\r\n-----END THING-----",
            "-----BEGIN THING-----\\nMTIzNDU2Nzg5\\n-----END THING-----\\n",
            "-----BEGIN THING----- MTIzNDU2 Nzg5 -----END THING-----",
            "  a note\n  -----BEGIN THING-----\n   MTIzNDU2Nzg5\n  -----END THING-----\n another",
        ] {
            let found = blocks(given);
            assert_eq!(found.len(), 1, "{given:?}");
            assert_eq!((found[0].label.as_str(), found[0].text.expose()), ("THING", WANTED), "{given:?}");
            assert!(!found[0].legacy_encrypted);
        }
    }

    #[test]
    fn several_blocks_and_broken_ones() {
        let text = format!("{WANTED}-----BEGIN LOST-----\nabc\n{WANTED}-----BEGIN");
        assert_eq!(blocks(&text).iter().map(|block| block.label.as_str()).collect::<Vec<_>>(), ["THING", "THING"]);
        assert!(blocks("").is_empty());
        assert!(blocks("-----BEGIN A-----\nb").is_empty());
    }

    #[test]
    fn what_a_key_asks_for_is_not_believed_beyond_reason() {
        use pkcs8::der::{EncodePem, pem::LineEnding};
        use pkcs8::pkcs5::EncryptionScheme;
        use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Params, ScryptParams};
        const KEY: &str = include_str!("fixtures/ecdsa_pkcs8_enc");
        let (_, document) = SecretDocument::from_pem(KEY).expect("a document");
        let asks = |kdf: Kdf| {
            let mut key = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).expect("a key");
            let EncryptionScheme::Pbes2(parameters) = &mut key.encryption_algorithm else { panic!("PBES2") };
            parameters.kdf = kdf;
            blocks(&key.to_pem(LineEnding::LF).expect("a key"))[0].is_too_costly()
        };
        let salt = [7; 16];
        let rounds = |rounds| asks(Pbkdf2Params::hmac_sha256(rounds, &salt).expect("parameters").into());
        let scrypt = |cost_parameter, block_size, parallelization| {
            let salt = salt.as_slice().try_into().expect("a salt");
            asks(ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None }.into())
        };
        assert!(!blocks(KEY)[0].is_too_costly() && !rounds(10_000_000) && !scrypt(1 << 16, 8, 1) && !scrypt(2, 1, 16));
        assert!(
            rounds(10_000_001) && scrypt(1 << 17, 8, 1) && scrypt(1 << 63, 8, 1) && scrypt(0, 8, 1) && scrypt(2, 1, 17)
        );
    }

    #[test]
    fn headers_stay_and_long_lines_are_cut() {
        let base64 = "a".repeat(130);
        let text = format!("-----BEGIN K-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\n{base64}\n-----END K-----");
        let found = blocks(&text);
        assert!(found[0].legacy_encrypted);
        let lines: Vec<usize> = found[0].text.expose().lines().map(str::len).collect();
        assert_eq!(lines[3..7], [0, 64, 64, 2]);
    }
}
