//! Whole numbers with a scale -> Postgres's binary `numeric`, without a text in between.

use super::write_header;

/// 64-bit words of the largest magnitude.
const WORDS: usize = 4;
/// Four groups at once fit 64 bits.
const FOUR_GROUPS: u64 = 10_000_000_000_000_000;
/// Groups of 2^256, whose 78 digits may begin and end anywhere in a group.
const GROUPS: usize = 24;

/// A whole number of up to 256 bits.
#[derive(Clone, Copy, Debug)]
pub struct Scaled {
    negative: bool,
    /// Its magnitude, the lowest word first.
    words: [u64; WORDS],
}

impl From<i64> for Scaled {
    fn from(value: i64) -> Self {
        Self { negative: value < 0, words: [value.unsigned_abs(), 0, 0, 0] }
    }
}

impl From<i128> for Scaled {
    fn from(value: i128) -> Self {
        let magnitude = value.unsigned_abs();
        Self { negative: value < 0, words: [magnitude as u64, (magnitude >> 64) as u64, 0, 0] }
    }
}

impl Scaled {
    /// The number that is `high` × 2^128 + `low`.
    pub fn from_parts((low, high): (u128, i128)) -> Self {
        let negative = high < 0;
        let (low, high) = match (negative, low.wrapping_neg()) {
            (false, _) => (low, high.unsigned_abs()),
            (true, 0) => (0, high.unsigned_abs()),
            // one is borrowed
            (true, negated) => (negated, (!high).unsigned_abs()),
        };
        Self { negative, words: [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64] }
    }

    pub(super) fn from_digits(negative: bool, digits: u64) -> Self {
        Self { negative, words: [digits, 0, 0, 0] }
    }

    /// Appends the number divided by 10^`scale` as the payload of a binary `numeric` that shows `scale` decimals.
    pub fn encode(mut self, scale: i8, out: &mut Vec<u8>) {
        let dscale = u16::try_from(scale).unwrap_or(0);
        let mut groups = [0_u16; GROUPS];
        let mut free = GROUPS;
        let mut put = |group: u64| {
            free -= 1;
            if let Some(slot) = groups.get_mut(free) {
                *slot = group as u16;
            }
        };
        // The point stands between groups: the lowest one takes fewer digits where the scale asks for that.
        let power = -i16::from(scale);
        let lowest = power.div_euclid(4);
        match power.rem_euclid(4) {
            1 => put(self.divide(1_000) * 10),
            2 => put(self.divide(100) * 100),
            3 => put(self.divide(10) * 1_000),
            _ => {}
        }
        while self.words != [0; WORDS] {
            let mut four = self.divide(FOUR_GROUPS);
            for _ in 0..4 {
                put(four % 10_000);
                four /= 10_000;
            }
        }
        let not_zero = |group: &u16| *group != 0;
        let (Some(first), Some(last)) = (groups.iter().position(not_zero), groups.iter().rposition(not_zero)) else {
            return write_header(out, 0, 0, false, dscale);
        };
        let weight = lowest + (GROUPS - 1 - first) as i16;
        write_header(out, (last - first + 1) as u16, weight, self.negative, dscale);
        for group in groups.iter().take(last + 1).skip(first) {
            out.extend_from_slice(&group.to_be_bytes());
        }
    }

    /// Divides by `by` and answers what is left over.
    #[inline]
    fn divide(&mut self, by: u64) -> u64 {
        let mut rest = 0;
        for word in self.words.iter_mut().rev() {
            if rest == 0 {
                rest = *word % by;
                *word /= by;
            } else {
                let whole = u128::from(rest) << 64 | u128::from(*word);
                *word = (whole / u128::from(by)) as u64;
                rest = (whole % u128::from(by)) as u64;
            }
        }
        rest
    }

    /// Appends the number divided by 10^`scale` as text, with all its digits.
    pub fn write(mut self, scale: i8, out: &mut String) {
        if self.negative {
            out.push('-');
        }
        let start = out.len();
        let mut parts = [0_u64; 5];
        let mut count = 0;
        for part in &mut parts {
            *part = self.divide(FOUR_GROUPS);
            count += 1;
            if self.words == [0; WORDS] {
                break;
            }
        }
        for (position, part) in parts.iter().take(count).rev().enumerate() {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(*part);
            if position > 0 {
                push_zeros(16 - digits.len(), out);
            }
            out.push_str(digits);
        }
        let length = out.len() - start;
        match usize::try_from(scale) {
            Ok(0) => {}
            Ok(scale) if length > scale => out.insert(out.len() - scale, '.'),
            Ok(scale) => out.insert_str(start, &format!("0.{}", "0".repeat(scale - length))),
            Err(_) if parts == [0; 5] => {}
            Err(_) => push_zeros(scale.unsigned_abs().into(), out),
        }
    }
}

fn push_zeros(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('0', count));
}
