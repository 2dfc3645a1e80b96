//! Decimal text -> Postgres's binary `numeric`, and -> 64-bit integers, with every digit kept.
//!
//! Owns: the grammar of decimals (JSON's numbers and Java's `BigDecimal`), the limits of `numeric`, its wire format.
//! Invariant: no floating point, and work and memory grow with the length of the text, never with its exponent.
//!
//! The wire format, all in 16-bit big-endian words: number of groups, weight (the power of 10,000 of the first
//! group), sign, display scale (decimals shown), then the groups of four decimal digits, aligned on the decimal
//! point, without zero groups at either end.

mod scaled;
#[cfg(test)]
mod tests;

pub use scaled::Scaled;

/// `numeric` holds powers of ten up to this one: its weight is an `i16`.
const HIGHEST_POWER: i64 = 131_071;
/// `numeric` holds this many decimals: its scale has 14 bits.
const MAX_SCALE: i64 = 16_383;

const SIGN_POSITIVE: u16 = 0x0000;
const SIGN_NEGATIVE: u16 = 0x4000;

/// Exponents are cut here, far beyond what any text in memory could bring back into range.
const ENDLESS_EXPONENT: i64 = 1 << 60;

/// So many digits always fit 64 bits.
const SHORT_DIGITS: usize = 18;

/// Why a number cannot be stored as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NumberError {
    /// It has a fraction where an integer is asked for.
    NotInteger,
    /// It is a number, but more than the Postgres type holds.
    OutOfRange,
    /// It is no number.
    Unparsable,
}

/// Whether [`encode_number`] would accept `literal`, which is a JSON number or a text in Java's `BigDecimal` grammar:
/// `[+-]? (digits [. digits*] | . digits) ([eE] [+-]? digits)?`.
///
/// # Errors
/// [`NumberError::OutOfRange`] beyond 131,072 digits before the point or 16,383 after it, zeros at the end aside.
pub fn check_number(literal: &str) -> Result<(), NumberError> {
    if Short::parse(literal).is_some() {
        return Ok(());
    }
    Decimal::parse(literal)?.check_range()
}

/// Appends `literal` (see [`check_number`]) as the payload of a binary `numeric`, without the length that precedes it
/// in a COPY. Zeros at the end are kept: "1.50" is shown as 1.50.
///
/// # Errors
/// As [`check_number`]; nothing is appended then.
pub fn encode_number(literal: &str, out: &mut Vec<u8>) -> Result<(), NumberError> {
    if let Some(short) = Short::parse(literal) {
        short.encode(out);
        return Ok(());
    }
    let decimal = Decimal::parse(literal)?;
    decimal.check_range()?;
    decimal.encode(out);
    Ok(())
}

/// Whether a `numeric` of so many digits before and behind the point holds `literal` (see [`check_number`]) as it is.
///
/// # Errors
/// [`NumberError::NotInteger`] for a digit behind the last place, however large the number; [`NumberError::OutOfRange`]
/// for one before the first.
pub fn check_decimal(literal: &str, integer_digits: u16, scale: u16) -> Result<(), NumberError> {
    match Decimal::parse(literal)?.extent {
        Some(extent) if extent.last_power < -i64::from(scale) => Err(NumberError::NotInteger),
        Some(extent) if extent.first_power >= i64::from(integer_digits) => Err(NumberError::OutOfRange),
        _ => Ok(()),
    }
}

/// Digits of `literal` (see [`check_number`]) without the zeros at its ends.
///
/// # Errors
/// [`NumberError::Unparsable`].
pub fn significant_digits(literal: &str) -> Result<usize, NumberError> {
    Ok(Decimal::parse(literal)?.extent.map_or(0, |extent| extent.last - extent.first + 1))
}

/// The value of a JSON number without fraction: `42`, `-0`, `1.0`, `1e3`, `1200e-2`.
///
/// # Errors
/// [`NumberError::NotInteger`] for a fraction, however large the number; [`NumberError::OutOfRange`] outside `i64`.
pub fn integer_from_number(literal: &str) -> Result<i64, NumberError> {
    match integer_from_text(literal) {
        Err(NumberError::Unparsable) => Decimal::parse(literal)?.to_integer(),
        other => other,
    }
}

/// The value of a text in Java's `BigInteger` grammar: `[+-]? digits`, without blanks.
///
/// # Errors
/// [`NumberError::OutOfRange`] outside `i64`.
pub fn integer_from_text(text: &str) -> Result<i64, NumberError> {
    let (negative, digits) = split_sign(text.as_bytes());
    if digits.is_empty() {
        return Err(NumberError::Unparsable);
    }
    let short = digits.len() <= SHORT_DIGITS;
    // counted below zero, where i64 has one value more
    let (mut value, mut fits) = (0_i64, true);
    for byte in digits {
        let digit = match byte {
            b'0'..=b'9' => i64::from(byte - b'0'),
            _ => return Err(NumberError::Unparsable),
        };
        if short {
            value = value * 10 - digit;
        } else if fits {
            match value.checked_mul(10).and_then(|value| value.checked_sub(digit)) {
                Some(next) => value = next,
                None => fits = false,
            }
        }
    }
    let value = if negative { Some(value) } else { value.checked_neg() };
    value.filter(|_| fits).ok_or(NumberError::OutOfRange)
}

/// A decimal of at most 18 digits without exponent: nearly all there are.
struct Short {
    negative: bool,
    digits: u64,
    /// Decimals among the digits.
    scale: i8,
}

impl Short {
    /// Nothing for anything longer or stranger, which may still be a number.
    fn parse(literal: &str) -> Option<Self> {
        let (negative, body) = split_sign(literal.as_bytes());
        if body.len() > SHORT_DIGITS + 1 {
            return None;
        }
        let mut digits = 0_u64;
        let mut scale = None;
        let mut count = 0;
        for byte in body {
            match byte {
                b'0'..=b'9' => {
                    digits = digits * 10 + u64::from(byte - b'0');
                    count += 1;
                    if let Some(scale) = &mut scale {
                        *scale += 1;
                    }
                }
                b'.' if scale.is_none() => scale = Some(0),
                _ => return None,
            }
        }
        let scale = scale.unwrap_or(0);
        let short = count > 0 && count <= SHORT_DIGITS;
        short.then_some(Self { negative, digits, scale })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Scaled::from_digits(self.negative, self.digits).encode(self.scale, out);
    }
}

/// Any decimal, its digits still in the text.
struct Decimal<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
    /// Where the digits other than zero begin and end; nothing for zero.
    extent: Option<Extent>,
}

/// First and last digit that are not zero: their powers of ten, and their positions in integer and fraction together.
#[derive(Clone, Copy)]
struct Extent {
    first_power: i64,
    last_power: i64,
    first: usize,
    last: usize,
}

impl<'a> Decimal<'a> {
    fn parse(literal: &'a str) -> Result<Self, NumberError> {
        let (negative, rest) = split_sign(literal.as_bytes());
        let (integer, rest) = split_digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&[][..], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return Err(NumberError::Unparsable);
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => parse_exponent(rest)?,
            _ => return Err(NumberError::Unparsable),
        };
        let mut decimal = Self { negative, integer, fraction, exponent, extent: None };
        decimal.extent = decimal.measure();
        Ok(decimal)
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = &'a u8> + use<'a> {
        self.integer.iter().chain(self.fraction)
    }

    fn measure(&self) -> Option<Extent> {
        let first = self.digits().position(|digit| *digit != b'0')?;
        let zeros_at_the_end = self.digits().rev().position(|digit| *digit != b'0')?;
        let last = self.integer.len() + self.fraction.len() - 1 - zeros_at_the_end;
        let power = |position: usize| self.integer.len() as i64 - 1 - position as i64 + self.exponent;
        Some(Extent { first_power: power(first), last_power: power(last), first, last })
    }

    fn check_range(&self) -> Result<(), NumberError> {
        match self.extent {
            Some(extent) if extent.first_power > HIGHEST_POWER || extent.last_power < -MAX_SCALE => {
                Err(NumberError::OutOfRange)
            }
            _ => Ok(()),
        }
    }

    /// Decimals as written, the exponent applied. Zeros beyond the limit are dropped.
    fn dscale(&self) -> u16 {
        (self.fraction.len() as i64 - self.exponent).clamp(0, MAX_SCALE) as u16
    }

    /// Only for what [`Decimal::check_range`] accepts: every number below fits its type then.
    fn encode(&self, out: &mut Vec<u8>) {
        let Some(Extent { first_power, last_power, first, last }) = self.extent else {
            return write_header(out, 0, 0, false, self.dscale());
        };
        let weight = first_power.div_euclid(4);
        let lowest = last_power.div_euclid(4);
        let count = weight - lowest + 1;
        out.reserve(8 + 2 * count as usize);
        write_header(out, count as u16, weight as i16, self.negative, self.dscale());
        let mut group = 0_u16;
        let mut place = first_power.rem_euclid(4);
        for digit in self.digits().take(last + 1).skip(first) {
            group = group * 10 + u16::from(digit - b'0');
            if place == 0 {
                out.extend_from_slice(&group.to_be_bytes());
                group = 0;
                place = 3;
            } else {
                place -= 1;
            }
        }
        // the last digit is not zero, so neither is a group that it left open
        if group != 0 {
            for _ in 0..=place {
                group *= 10;
            }
            out.extend_from_slice(&group.to_be_bytes());
        }
    }

    fn to_integer(&self) -> Result<i64, NumberError> {
        let Some(Extent { first_power, last_power, first, last }) = self.extent else {
            return Ok(0);
        };
        if last_power < 0 {
            return Err(NumberError::NotInteger);
        }
        if first_power > 18 {
            return Err(NumberError::OutOfRange);
        }
        let significant = self.digits().take(last + 1).skip(first);
        let value = significant.fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        let value = (0..last_power).fold(value, |value, _| value * 10);
        i64::try_from(if self.negative { -value } else { value }).map_err(|_| NumberError::OutOfRange)
    }
}

/// Cuts at [`ENDLESS_EXPONENT`] on both sides.
fn parse_exponent(text: &[u8]) -> Result<i64, NumberError> {
    let (negative, rest) = split_sign(text);
    let (digits, rest) = split_digits(rest);
    if digits.is_empty() || !rest.is_empty() {
        return Err(NumberError::Unparsable);
    }
    let magnitude = digits.iter().fold(0_i64, |value, digit| {
        if value >= ENDLESS_EXPONENT / 10 { ENDLESS_EXPONENT } else { value * 10 + i64::from(digit - b'0') }
    });
    Ok(if negative { -magnitude } else { magnitude })
}

fn write_header(out: &mut Vec<u8>, groups: u16, weight: i16, negative: bool, dscale: u16) {
    out.extend_from_slice(&groups.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    let sign = if negative { SIGN_NEGATIVE } else { SIGN_POSITIVE };
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&dscale.to_be_bytes());
}

/// Whether a minus leads, and what follows the sign.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// The digits that lead, and the rest.
fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}
