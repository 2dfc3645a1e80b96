//! `jdbc_url_params`: `key=value` pairs with `&` between them.
//!
//! Invariant: a pair that names a credential leaves this module only as a [`Secret`].

use super::raw::SslWord;
use super::refuse;
use crate::error::Result;
use crate::secret::Secret;

const PATH: &str = "jdbc_url_params";

/// The parsed pairs, sorted by what they are good for.
#[derive(Debug, Default)]
pub(super) struct UrlParams {
    /// Pairs for the connection, in the order written; of a repeated key only the last.
    pub(super) pairs: Vec<(String, String)>,
    /// What `sslmode`, or else `ssl`, asks for.
    pub(super) ssl: Option<SslWord>,
    /// Values of pairs that name a password. They have no effect, as the fields of the form win.
    pub(super) secrets: Vec<Secret>,
}

impl UrlParams {
    /// Reads the pairs; a leading `?` and empty pairs are skipped, `%xx` is decoded.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut params = Self::default();
        let (mut ssl, mut ssl_mode) = (None, None);
        let text = text.trim();
        let pairs = text.strip_prefix('?').unwrap_or(text).split('&').filter(|pair| !pair.trim().is_empty());
        for (at, pair) in pairs.enumerate() {
            let (key, value) = pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)));
            let (Some(value), false) = (value, key.trim().is_empty()) else {
                return Err(refuse(PATH, &format!("must be key=value pairs joined by &; pair {} is not one", at + 1)));
            };
            let (key, value) = (decoded(key.trim()), decoded(value));
            match key.to_lowercase().as_str() {
                "sslmode" => ssl_mode = Some(ssl_word(&value)?),
                "ssl" => ssl = (value != "false").then_some(SslWord::Require),
                // Set by fields of their own, which win.
                "user" | "currentschema" => {}
                lower if lower.contains("password") => params.secrets.push(Secret::new(value)),
                _ => {
                    params.pairs.retain(|(earlier, _)| *earlier != key);
                    params.pairs.push((key, value));
                }
            }
        }
        params.ssl = ssl_mode.or(ssl);
        Ok(params)
    }
}

fn ssl_word(value: &str) -> Result<SslWord> {
    match value {
        "disable" => Ok(SslWord::Disable),
        "allow" => Ok(SslWord::Allow),
        "prefer" => Ok(SslWord::Prefer),
        "require" => Ok(SslWord::Require),
        "verify-ca" | "verify-full" => {
            Err(refuse(PATH, "cannot ask for a verifying sslmode; set `ssl_mode`, which holds the CA certificate too"))
        }
        _ => Err(refuse(PATH, "has an unknown sslmode; use `ssl_mode` instead")),
    }
}

/// `text` with `%xx` decoded, or as it is where that would not give UTF-8.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match pair.filter(|hex| !hex.starts_with('+')).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(code) => (out.push(code), at += 3).1,
            None => (out.push(byte), at += 1).1,
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        UrlParams::parse(text).expect("pairs").pairs
    }

    #[test]
    fn pairs_keep_order_and_the_last_of_a_key() {
        let want = [("b", "2"), ("a", "x=y")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(pairs(" ?a=1&&b=2&a=x=y& "), want);
    }

    #[test]
    fn percent_signs() {
        assert_eq!(pairs("o=-c%20x%3D1")[0].1, "-c x=1");
        for odd in ["100%", "%4", "%zz", "%+1", "%ff", "%é"] {
            assert_eq!(pairs(&format!("o={odd}"))[0].1, odd);
        }
    }

    #[test]
    fn credentials_and_fields_of_their_own_are_taken_out() {
        let params = UrlParams::parse("user=u&password=s3cret-a&sslPassword=s3cret-b&currentSchema=x&k=v").expect("ok");
        assert_eq!(params.pairs, [("k".to_owned(), "v".to_owned())]);
        assert_eq!(params.secrets, [Secret::new("s3cret-a"), Secret::new("s3cret-b")]);
    }

    #[test]
    fn ssl_words() {
        let word = |text| UrlParams::parse(text).expect("ok").ssl;
        assert_eq!(word("ssl=true&sslfactory=x"), Some(SslWord::Require));
        assert_eq!(word("sslmode=disable&ssl=true"), Some(SslWord::Disable));
        assert_eq!(word("ssl=false"), None);
        assert!(UrlParams::parse("sslmode=verify-full").is_err());
        assert!(UrlParams::parse("sslmode=s3cret").is_err_and(|e| !e.message().contains("s3cret")));
    }
}
