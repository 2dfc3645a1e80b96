//! A strict JSON scanner over one line.

use std::cmp::Ordering;
use std::fmt;

use crate::limits;
use crate::numeric;

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The member was not in the object.
    Missing,
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number, its digits as written.
    Number,
    /// A string; the token spans the text between the quotes.
    String,
    /// An object, braces included.
    Object,
    /// An array, brackets included.
    Array,
}

/// One scanned value: its kind and where in the line it stands.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    flags: u8,
    start: u32,
    end: u32,
}

const ESCAPED: u8 = 1;
const DIRTY: u8 = 2;
const TOO_DEEP: u8 = 4;
const NUMBER_TOO_LARGE: u8 = 8;
const DEEPEST: u8 = 16;

impl Token {
    /// The token of a member that is not there.
    pub const MISSING: Self = Self { kind: Kind::Missing, flags: 0, start: 0, end: 0 };

    /// The token's text in the line that was scanned.
    pub fn text(self, line: &str) -> &str {
        line.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// A string holds an escape, or a container holds a string that does.
    pub fn is_escaped(self) -> bool {
        self.flags & ESCAPED != 0
    }

    /// Somewhere inside is `\u0000` or a surrogate without its partner, which Postgres refuses.
    pub fn is_dirty(self) -> bool {
        self.flags & DIRTY != 0
    }

    /// Nested deeper than [`limits::JSON_DEPTH`], or holding a number that `numeric` cannot: `jsonb` would refuse it.
    pub fn exceeds_jsonb(self) -> bool {
        self.flags & (TOO_DEEP | NUMBER_TOO_LARGE) != 0
    }

    /// Nested as deep as [`limits::JSON_DEPTH`] or deeper: it can be no member of anything that is stored.
    pub fn is_deepest(self) -> bool {
        self.flags & DEEPEST != 0
    }
}

/// The line is not JSON; `offset` is the byte at which that shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SyntaxError {
    /// Byte offset in the scanned text.
    pub offset: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid JSON at byte {}", self.offset)
    }
}

impl std::error::Error for SyntaxError {}

/// Walks one JSON text from left to right.
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    /// One bit a level: set where the open container is an object.
    nesting: Vec<bool>,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), pos: 0, nesting: Vec::new() }
    }

    /// The text being scanned; tokens point into it.
    pub fn line(&self) -> &'a str {
        self.text
    }

    /// A scanner over the same text, standing at the start of `token` (an object or array).
    pub fn at(text: &'a str, token: Token) -> Self {
        Self { text, bytes: text.as_bytes(), pos: token.start as usize, nesting: Vec::new() }
    }

    fn error<T>(&self) -> Result<T, SyntaxError> {
        Err(SyntaxError { offset: self.pos })
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.pos += 1;
        }
    }

    /// Steps over `{`.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn enter_object(&mut self) -> Result<(), SyntaxError> {
        self.skip_space();
        self.take(b'{')
    }

    /// Steps over `[`.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn enter_array(&mut self) -> Result<(), SyntaxError> {
        self.skip_space();
        self.take(b'[')
    }

    /// The next value of an array that was entered, or none at its end.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn next_element(&mut self, first: bool) -> Result<Option<Token>, SyntaxError> {
        self.skip_space();
        match self.peek() {
            b']' => {
                self.pos += 1;
                return Ok(None);
            }
            b',' if !first => self.pos += 1,
            _ if first => {}
            _ => return self.error(),
        }
        self.value().map(Some)
    }

    /// The next member's key of an object that was entered, the colon consumed, or none at the closing brace.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn next_key(&mut self, first: bool) -> Result<Option<Token>, SyntaxError> {
        self.skip_space();
        match self.peek() {
            b'}' => {
                self.pos += 1;
                return Ok(None);
            }
            b',' if !first => {
                self.pos += 1;
                self.skip_space();
            }
            b'"' if first => {}
            _ => return self.error(),
        }
        let key = self.string()?;
        self.skip_space();
        self.take(b':')?;
        Ok(Some(key))
    }

    /// Steps over the next member's key where it is written just like `member`: in quotes, without white space, with its colon. Stays
    /// where it is otherwise.
    #[inline]
    pub fn skip_key(&mut self, first: bool, member: &[u8]) -> bool {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let rest = if first { Some(rest) } else { rest.strip_prefix(b",") };
        let found = rest.is_some_and(|rest| rest.starts_with(member));
        if found {
            self.pos += member.len() + usize::from(!first);
        }
        found
    }

    /// Where the next value starts.
    pub fn mark(&mut self) -> usize {
        self.skip_space();
        self.pos
    }

    /// The token of an object that started at `mark` and was walked to its end.
    pub fn object_since(&self, mark: usize) -> Token {
        Self::token(Kind::Object, 0, mark, self.pos)
    }

    /// Whether the next value is an object.
    pub fn is_object_next(&mut self) -> bool {
        self.skip_space();
        self.peek() == b'{'
    }

    /// Checks that nothing but white space is left.
    ///
    /// # Errors
    /// When something is.
    pub fn finish(&mut self) -> Result<(), SyntaxError> {
        self.skip_space();
        if self.pos == self.bytes.len() { Ok(()) } else { self.error() }
    }

    fn take(&mut self, byte: u8) -> Result<(), SyntaxError> {
        if self.peek() == byte {
            self.pos += 1;
            Ok(())
        } else {
            self.error()
        }
    }

    /// Scans one value of any kind.
    ///
    /// # Errors
    /// When the text is not JSON.
    #[inline]
    pub fn value(&mut self) -> Result<Token, SyntaxError> {
        self.skip_space();
        match self.peek() {
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            b't' => self.literal("true", Kind::True),
            b'f' => self.literal("false", Kind::False),
            b'n' => self.literal("null", Kind::Null),
            _ => self.number(),
        }
    }

    /// The value that is all of the text.
    ///
    /// # Errors
    /// When the text is not JSON, or more than one value.
    pub fn whole(&mut self) -> Result<Token, SyntaxError> {
        let token = self.value()?;
        self.skip_space();
        if self.pos < self.bytes.len() { self.error() } else { Ok(token) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "limits::LINE_BYTES keeps a line below 4 GiB")]
    fn token(kind: Kind, flags: u8, start: usize, end: usize) -> Token {
        Token { kind, flags, start: start as u32, end: end as u32 }
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<Token, SyntaxError> {
        let start = self.pos;
        let end = start + word.len();
        if self.bytes.get(start..end) == Some(word.as_bytes()) {
            self.pos = end;
            Ok(Self::token(kind, 0, start, end))
        } else {
            self.error()
        }
    }

    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.pos;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        if self.pos == start { self.error() } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let start = self.pos;
        if self.peek() == b'-' {
            self.pos += 1;
        }
        if self.peek() == b'0' {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.pos += 1;
            self.digits()?;
        }
        let mut exponent = false;
        if matches!(self.peek(), b'e' | b'E') {
            exponent = true;
            self.pos += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.pos += 1;
            }
            self.digits()?;
        }
        let mut token = Self::token(Kind::Number, 0, start, self.pos);
        // Only such a number can be beyond `numeric`; a plain short one never is.
        if (exponent || self.pos - start > limits::NUMERIC_SCALE)
            && numeric::check_number(token.text(self.text)).is_err()
        {
            token.flags |= NUMBER_TOO_LARGE;
        }
        Ok(token)
    }

    #[inline]
    fn string(&mut self) -> Result<Token, SyntaxError> {
        self.take(b'"')?;
        let start = self.pos;
        let mut flags = 0;
        loop {
            self.pos += plain_length(self.bytes.get(self.pos..).unwrap_or_default());
            match self.bytes.get(self.pos) {
                Some(b'"') => {
                    let token = Self::token(Kind::String, flags, start, self.pos);
                    self.pos += 1;
                    return Ok(token);
                }
                Some(b'\\') => flags |= ESCAPED | self.escape()?,
                _ => return self.error(),
            }
        }
    }

    /// Steps over one escape sequence; returns [`DIRTY`] for one that Postgres refuses.
    fn escape(&mut self) -> Result<u8, SyntaxError> {
        match self.bytes.get(self.pos + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.pos += 2;
                Ok(0)
            }
            Some(b'u') => {
                let unit = self.unicode_escape()?;
                match unit {
                    0 | 0xDC00..=0xDFFF => Ok(DIRTY),
                    0xD800..=0xDBFF => {
                        if self.bytes.get(self.pos..self.pos + 2) != Some(br"\u") {
                            return Ok(DIRTY);
                        }
                        let before = self.pos;
                        let low = self.unicode_escape()?;
                        if (0xDC00..=0xDFFF).contains(&low) {
                            Ok(0)
                        } else {
                            self.pos = before;
                            Ok(DIRTY)
                        }
                    }
                    _ => Ok(0),
                }
            }
            _ => self.error(),
        }
    }

    fn unicode_escape(&mut self) -> Result<u32, SyntaxError> {
        let Some(unit) = self.bytes.get(self.pos + 2..self.pos + 6).and_then(hex4) else {
            return self.error();
        };
        self.pos += 6;
        Ok(unit)
    }

    fn container(&mut self) -> Result<Token, SyntaxError> {
        let start = self.pos;
        let mut flags = 0;
        self.nesting.clear();
        // Each turn of the loop stands where a value must begin.
        'value: loop {
            self.skip_space();
            match self.peek() {
                b'{' => {
                    self.pos += 1;
                    self.nesting.push(true);
                    flags |= self.depth();
                    self.skip_space();
                    if self.peek() != b'}' {
                        flags |= self.key()?;
                        continue 'value;
                    }
                }
                b'[' => {
                    self.pos += 1;
                    self.nesting.push(false);
                    flags |= self.depth();
                    self.skip_space();
                    if self.peek() != b']' {
                        continue 'value;
                    }
                }
                b'"' => flags |= self.string()?.flags,
                b't' => flags |= self.literal("true", Kind::True)?.flags,
                b'f' => flags |= self.literal("false", Kind::False)?.flags,
                b'n' => flags |= self.literal("null", Kind::Null)?.flags,
                _ => flags |= self.number()?.flags,
            }
            // A value is complete: close containers until one goes on.
            loop {
                let Some(&object) = self.nesting.last() else {
                    let kind = if self.bytes.get(start) == Some(&b'{') { Kind::Object } else { Kind::Array };
                    return Ok(Self::token(kind, flags, start, self.pos));
                };
                self.skip_space();
                match (self.peek(), object) {
                    (b',', true) => {
                        self.pos += 1;
                        self.skip_space();
                        flags |= self.key()?;
                        continue 'value;
                    }
                    (b',', false) => {
                        self.pos += 1;
                        continue 'value;
                    }
                    (b'}', true) | (b']', false) => {
                        self.pos += 1;
                        self.nesting.pop();
                    }
                    _ => return self.error(),
                }
            }
        }
    }

    /// The flags of a container that was just opened.
    fn depth(&self) -> u8 {
        match self.nesting.len().cmp(&limits::JSON_DEPTH) {
            Ordering::Less => 0,
            Ordering::Equal => DEEPEST,
            Ordering::Greater => DEEPEST | TOO_DEEP,
        }
    }

    fn key(&mut self) -> Result<u8, SyntaxError> {
        let flags = self.string()?.flags;
        self.skip_space();
        self.take(b':')?;
        Ok(flags)
    }
}

/// The value of four hexadecimal digits.
pub(super) fn hex4(digits: &[u8]) -> Option<u32> {
    if digits.len() != 4 {
        return None;
    }
    digits.iter().try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
}

/// How many bytes from the start need no attention inside a string: neither quote, backslash nor control character.
#[inline]
#[allow(clippy::needless_bitwise_bool, reason = "without branches, a block takes a few instructions")]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut length = 0;
    for block in bytes.chunks_exact(16) {
        if block.iter().fold(false, |found, &byte| found | (byte == b'"') | (byte == b'\\') | (byte < 0x20)) {
            break;
        }
        length += 16;
    }
    let mut words = bytes.get(length..).unwrap_or_default().chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
        let quote = word ^ (ONES * 0x22);
        let backslash = word ^ (ONES * 0x5c);
        let found = ((quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGHS;
        if found != 0 {
            return length + (found.trailing_zeros() / 8) as usize;
        }
        length += 8;
    }
    for &byte in words.remainder() {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        length += 1;
    }
    length
}
