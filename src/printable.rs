//! What a text may hold that a person shall read: no character that moves the cursor, or that shows something else than
//! what is there.

/// `c`, or a blank in its place where a terminal or a log would not show it as a character.
pub fn printable(c: char) -> char {
    if c.is_control() || is_invisible(c) { ' ' } else { c }
}

/// Characters without a shape of their own: they end a line, change the direction of the text around them, or hide in it.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_hidden() {
        let hidden = "\0\u{1b}\n\u{7f}\u{80}\u{9b}\u{ad}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\
            \u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{e0041}";
        for c in hidden.chars() {
            assert_eq!(printable(c), ' ', "{c:?}");
        }
        for c in "aß 漢\u{a0}\u{301}\u{2027}\u{202f}…אب👍\u{e0100}".chars() {
            assert_eq!(printable(c), c);
        }
    }
}
