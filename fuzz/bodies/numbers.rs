//! Decimals and integers against arithmetic on digits, as one does it on paper.

use destination_postgres::numeric::{NumberError, check_number, encode_number, integer_from_number, integer_from_text};

/// A text as a number.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let model = Decimal::read(text);
    let wanted = match &model {
        None => Err(NumberError::Unparsable),
        Some(number) if number.fits_numeric() => Ok(()),
        Some(_) => Err(NumberError::OutOfRange),
    };
    assert_eq!(check_number(text), wanted, "check_number({text:?})");

    let mut out = b"before".to_vec();
    assert_eq!(encode_number(text, &mut out), wanted, "encode_number({text:?})");
    let payload = out.strip_prefix(b"before").expect("what was there is there");
    match &model {
        Some(number) if wanted.is_ok() => number.compare(&Numeric::read(payload)),
        _ => assert!(payload.is_empty(), "{text:?} is refused, but something was appended"),
    }

    let wanted = model.as_ref().map_or(Err(NumberError::Unparsable), Decimal::whole);
    assert_eq!(integer_from_number(text), wanted, "integer_from_number({text:?})");
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let wanted = if integer { wanted } else { Err(NumberError::Unparsable) };
    assert_eq!(integer_from_text(text), wanted, "integer_from_text({text:?})");
}

/// A decimal as it is written.
struct Decimal {
    negative: bool,
    /// The digits without zeros at either end; none for zero.
    digits: String,
    /// The power of ten of the last of them.
    power: i128,
    /// Decimals as written; below zero where zeros follow.
    scale: i128,
}

impl Decimal {
    /// None for what is no number.
    fn read(text: &str) -> Option<Self> {
        let (negative, text) = sign(text);
        let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = format!("{whole}{fraction}");
        let (down, exponent) = sign(exponent.unwrap_or("0"));
        let all_digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        if !all_digits(&written) || !all_digits(exponent) {
            return None;
        }
        // No text in memory could bring a greater one back into range.
        let exponent = exponent.trim_start_matches('0');
        let exponent = if exponent.len() > 30 { 10_i128.pow(30) } else { format!("0{exponent}").parse().unwrap() };
        let scale = fraction.len() as i128 - if down { -exponent } else { exponent };
        let digits = written.trim_start_matches('0');
        let stripped = digits.trim_end_matches('0');
        let power = (digits.len() - stripped.len()) as i128 - scale;
        Some(Self { negative, digits: stripped.to_owned(), power, scale })
    }

    /// As the manual says: 131,072 digits before the point, 16,383 after it.
    fn fits_numeric(&self) -> bool {
        self.digits.is_empty() || (self.power + self.digits.len() as i128 <= 131_072 && self.power >= -16_383)
    }

    fn whole(&self) -> Result<i64, NumberError> {
        if self.digits.is_empty() {
            return Ok(0);
        }
        if self.power < 0 {
            return Err(NumberError::NotInteger);
        }
        if self.power + self.digits.len() as i128 > 25 {
            return Err(NumberError::OutOfRange);
        }
        let sign = if self.negative { "-" } else { "" };
        let text = format!("{sign}{}{}", self.digits, "0".repeat(self.power as usize));
        text.parse().map_err(|_| NumberError::OutOfRange)
    }

    fn compare(&self, sent: &Numeric) {
        assert_eq!(sent.digits, self.digits);
        assert_eq!(i128::from(sent.scale), self.scale.clamp(0, 16_383));
        if self.digits.is_empty() {
            assert!(!sent.negative, "zero has no sign");
        } else {
            assert_eq!((i128::from(sent.power), sent.negative), (self.power, self.negative));
            assert!(self.power >= -i128::from(sent.scale), "digits that are not shown");
        }
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// A payload of binary `numeric`, read back.
pub struct Numeric {
    negative: bool,
    digits: String,
    power: i64,
    scale: u16,
}

impl Numeric {
    /// Checks what `numeric_recv` checks, and that there is only one spelling of a value.
    pub fn read(payload: &[u8]) -> Self {
        assert!(payload.len() >= 8 && payload.len().is_multiple_of(2), "{} bytes", payload.len());
        let words: Vec<u16> = payload.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
        let (count, weight, sign, scale) = (words[0], words[1].cast_signed(), words[2], words[3]);
        let groups = &words[4..];
        assert_eq!(usize::from(count), groups.len());
        assert!(matches!(sign, 0 | 0x4000) && scale <= 0x3fff);
        assert!(groups.iter().all(|group| *group < 10_000));
        assert!(groups.first() != Some(&0) && groups.last() != Some(&0), "a group of zeros at an end");
        assert!(!groups.is_empty() || (weight == 0 && sign == 0), "zero has one spelling");
        let text: String = groups.iter().map(|group| format!("{group:04}")).collect();
        let stripped = text.trim_end_matches('0');
        let zeros = (text.len() - stripped.len()) as i64;
        let power = (i64::from(weight) + 1 - groups.len() as i64) * 4 + zeros;
        Self { negative: sign != 0, digits: stripped.trim_start_matches('0').to_owned(), power, scale }
    }

    /// It has no more decimals than these and no more digits before the point than are left of the precision.
    pub fn fits(&self, precision: u16, scale: u16) -> bool {
        let whole = self.power + self.digits.len() as i64;
        self.digits.is_empty() || (self.power >= -i64::from(scale) && whole <= i64::from(precision) - i64::from(scale))
    }
}
