//! The password as the server prepared it for SCRAM.
//!
//! The client library follows SASLprep (RFC 4013). So does Postgres, but it looks for characters that are not allowed
//! before the text is normalized, and keeps a text of which nothing would be left. A password that is not as SASLprep wants
//! it is used as it is, by both.

use sha2::{Digest, Sha256};
use stringprep::tables;
use unicode_normalization::UnicodeNormalization;

use crate::secret::Secret;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// What to give to the client library for SCRAM, when that is not the password itself. No other kind of login takes it.
///
/// The library leaves alone what holds a NUL, and HMAC fills a key up with NULs anyway: with one more the key is the same.
/// A key longer than a block is its hash. So only a key of exactly one block cannot be brought past the library.
pub(super) fn for_scram(password: &str) -> Option<Vec<u8>> {
    let key = of_the_server(password).filter(|key| key.len() != BLOCK)?;
    let mut key = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.into_bytes() };
    key.push(0);
    Some(key)
}

/// Whether the library would prepare the password for SCRAM unlike the server, and cannot be kept from it.
pub(super) fn is_unfit_for_scram(password: &str) -> bool {
    of_the_server(password).is_some_and(|key| key.len() == BLOCK)
}

/// The key as the server has it, where the library comes to another.
fn of_the_server(password: &str) -> Option<String> {
    let key = prepared(password);
    let library = stringprep::saslprep(password).map_or_else(|_| password.to_owned(), Into::into);
    (key != library).then_some(key)
}

/// What a server keeps of a password (`SCRAM-SHA-256$…`), with a fresh salt. `CREATE USER` takes it in the password's place.
pub fn verifier(password: &Secret) -> String {
    let password = password.expose();
    let key = for_scram(password);
    postgres_protocol::password::scram_sha_256(key.as_deref().unwrap_or(password.as_bytes()))
}

/// The password as every version of the server prepares it: what may be in it was settled by Unicode 3.2.
fn prepared(password: &str) -> String {
    if password.is_ascii() {
        return password.to_owned();
    }
    let mapped: String = password
        .chars()
        .map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c })
        .filter(|c| !tables::commonly_mapped_to_nothing(*c))
        .collect();
    if mapped.is_empty() || mapped.contains(is_prohibited) || is_mixed(&mapped) {
        return password.to_owned();
    }
    mapped.nfkc().collect()
}

fn is_prohibited(c: char) -> bool {
    tables::ascii_control_character(c)
        || tables::non_ascii_control_character(c)
        || tables::private_use(c)
        || tables::non_character_code_point(c)
        || tables::inappropriate_for_plain_text(c)
        || tables::inappropriate_for_canonical_representation(c)
        || tables::change_display_properties_or_deprecated(c)
        || tables::tagging_character(c)
        || tables::unassigned_code_point(c)
}

/// Text from right to left must be so from its first to its last character.
fn is_mixed(text: &str) -> bool {
    let outside = |c: Option<char>| !c.is_some_and(tables::bidi_r_or_al);
    text.contains(tables::bidi_r_or_al)
        && (text.contains(is_left_to_right) || outside(text.chars().next()) || outside(text.chars().next_back()))
}

/// The last ten (nabla and partial differential in mathematical fonts) are no longer so in later versions of Unicode.
fn is_left_to_right(c: char) -> bool {
    tables::bidi_l(c) || (0..5).any(|font| [0x1d6c1, 0x1d6db].contains(&(u32::from(c).wrapping_sub(font * 0x3a))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_passwords_are_prepared_alike() {
        for password in
            ["", "pw", " \t\u{7f}", "pä\u{308}ss", "I\u{ad}X", "\u{a0}x\u{a0}", "ﬁ①", "\u{378}", "🔑", "אב", "אa"]
        {
            assert_eq!(for_scram(password), None, "{password:?}");
        }
    }

    #[test]
    fn the_others_get_the_key_of_the_server() {
        for (password, key) in [
            ("\u{ad}", "\u{ad}"),
            ("a\u{3f9}", "a\u{3f9}"),
            ("a\u{340}", "a\u{340}"),
            ("a\u{2135}", "aא"),
            ("א\u{2100}א", "אa/cא"),
            ("א\u{1d6c1}א", "א\u{1d6c1}א"),
        ] {
            let expected = [key.as_bytes(), b"\0"].concat();
            assert_eq!(for_scram(password), Some(expected), "{password:?}");
        }
        let long = format!("a\u{3f9}{}", "x".repeat(BLOCK));
        let hash = [Sha256::digest(&long).as_slice(), b"\0"].concat();
        assert_eq!(for_scram(&long), Some(hash));
        let block = format!("a\u{3f9}{}", "x".repeat(BLOCK - 3));
        assert_eq!((block.len(), for_scram(&block), is_unfit_for_scram(&block)), (BLOCK, None, true));
        assert!(!is_unfit_for_scram(&long) && !is_unfit_for_scram(&"é".repeat(BLOCK / 2)));
    }
}
