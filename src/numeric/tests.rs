use super::*;
use NumberError::{NotInteger, OutOfRange, Unparsable};

/// `literal|bytes`, from PostgreSQL 15: `SELECT encode(numeric_send('literal'::numeric), 'hex')`.
const SERVER_BYTES: &str = "\
0|0000000000000000
-0|0000000000000000
0.0|0000000000000001
0.00|0000000000000002
-0.0|0000000000000001
00|0000000000000000
000.000|0000000000000003
0e5|0000000000000000
0e-5|0000000000000005
0.0e3|0000000000000000
1|00010000000000000001
-1|00010000400000000001
+1|00010000000000000001
1.|00010000000000000001
.5|0001ffff000000011388
-.5|0001ffff400000011388
+.5|0001ffff000000011388
7|00010000000000000007
10|0001000000000000000a
99|00010000000000000063
100|00010000000000000064
999|000100000000000003e7
1000|000100000000000003e8
9999|0001000000000000270f
10000|00010001000000000001
10001|000200010000000000010001
99999|00020001000000000009270f
100000|0001000100000000000a
99999999|0002000100000000270f270f
100000000|00010002000000000001
100000001|0003000200000000000100000001
-10000|00010001400000000001
0.1|0001ffff0000000103e8
0.01|0001ffff000000020064
0.001|0001ffff00000003000a
0.0001|0001ffff000000040001
0.00001|0001fffe0000000503e8
0.000000001|0001fffd0000000903e8
0.1000|0001ffff0000000403e8
1.5|000200000000000100011388
1.50|000200000000000200011388
1.500000|000200000000000600011388
-1.50|000200004000000200011388
1.0001|000200000000000400010001
1.00001|00030000000000050001000003e8
1.00000001|0003000000000008000100000001
0.00000006538030|0003fffe0000000e000615040bb8
5000000000.000001|000500020000000600320000000000000064
9999.9999|0002000000000004270f270f
-9999.9999|0002000040000004270f270f
10000.0001|0003000100000004000100000001
12345.6789|0003000100000004000109291a85
0.12345678|0002ffff0000000804d2162e
0.123456789|0003ffff0000000904d2162e2328
123456789012345678|0005000400000000000c0d801ed204d2162e
1234567890123456789|0005000400000000007b11d722c509291a85
12345678901234567890.123456789|000800040000000904d2162e23340d801ed204d2162e2328
-1234567890.1234567890123456789|0008000240000013000c0d801ed204d2162e23340d801ed2
99999999999999999999999999999.999999999|000b0007000000090009270f270f270f270f270f270f270f270f270f2328
9223372036854775807|0005000400000000039a0d2c0170156516af
-9223372036854775808|0005000440000000039a0d2c0170156516b0
18446744073709551616|000500040000000007341a5802e103bb0650
1e0|00010000000000000001
1e1|0001000000000000000a
1e2|00010000000000000064
1e3|000100000000000003e8
1e4|00010001000000000001
1e5|0001000100000000000a
1E+5|0001000100000000000a
1e-1|0001ffff0000000103e8
1e-3|0001ffff00000003000a
1e-4|0001ffff000000040001
1e-5|0001fffe0000000503e8
1e-8|0001fffe000000080001
1e-9|0001fffd0000000903e8
1.5e1|0001000000000000000f
1.50e1|0001000000000001000f
1.5e-1|0001ffff0000000205dc
1.500e2|00010000000000010096
150e-2|000200000000000200011388
1500e-1|00010000000000010096
1200e-2|0001000000000002000c
12345e3|000200010000000004d21388
12345e-3|0002000000000003000c0d7a
12345.678e2|0003000100000001007b11d71f40
12345.678e-2|0003000000000005007b11d71f40
0.00012e4|0002000000000001000107d0
0.00012e3|0001ffff0000000204b0
0.00012e-3|0001fffe00000008000c
3.4028235e38|000300090000000001540b071388
1.4e-45|0001fff40000002e0578
1.7976931348623157e308|0005004d0000000000011f28246112fe0c55
0.0000000000000001|0001fffc000000100001
0.00000000000000001|0001fffb0000001103e8
1.0000000000000000|00010000000000100001
1.00000000000000000|00010000000000110001
000000000000000000001.5|000200000000000100011388
123.4567890123456|000500000000000d007b11d722c509291770
12.34567890123456789|0006000000000011000c0d801ed204d2162e2328
1e-20|0001fffb000000140001
1e30|00010007000000000064
10e29|00010007000000000064
1000.0000|000100000000000403e8
2.5e+03|000100000000000009c4
1e-16383|0001f00000003fff000a
1e131071|00017fff0000000003e8";

fn encoded(literal: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    assert_eq!(encode_number(literal, &mut payload), Ok(()), "{literal}");
    payload
}

/// By the path for any decimal, also where the short one would do.
fn encoded_long(literal: &str) -> Vec<u8> {
    let mut payload = Vec::new();
    let decimal = Decimal::parse(literal).unwrap();
    assert_eq!(decimal.check_range(), Ok(()), "{literal}");
    decimal.encode(&mut payload);
    payload
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The payload as the server would show it.
fn decoded(payload: &[u8]) -> String {
    let words: Vec<u16> = payload.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
    let (weight, sign, dscale, groups) = (i64::from(words[1] as i16), words[2], usize::from(words[3]), &words[4..]);
    assert_eq!(groups.len(), usize::from(words[0]));
    assert!(groups.iter().all(|group| *group < 10_000));
    assert!(groups.first() != Some(&0) && groups.last() != Some(&0), "zero group at an end");
    assert!(sign == 0 || (sign == 0x4000 && !groups.is_empty()));
    let group_at = |power: i64| {
        let group = usize::try_from(weight - power).ok().and_then(|index| groups.get(index)).copied();
        format!("{:04}", group.unwrap_or(0))
    };
    let integer: String = (0..=weight.max(0)).rev().map(group_at).collect();
    let decimals: String = (1..=dscale.div_ceil(4) as i64).map(|power| group_at(-power)).collect();
    assert!(weight - groups.len() as i64 + 1 >= -(dscale.div_ceil(4) as i64), "digits beyond the scale");
    assert!(decimals[dscale..].bytes().all(|digit| digit == b'0'), "digits beyond the scale");
    let integer = integer.trim_start_matches('0');
    let mut text = if sign == 0 { String::new() } else { "-".to_owned() };
    text.push_str(if integer.is_empty() { "0" } else { integer });
    if dscale > 0 {
        text.push('.');
        text.push_str(&decimals[..dscale]);
    }
    text
}

/// `mantissa / 10^scale`, by integer arithmetic.
fn plain(mantissa: i128, scale: i32) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let magnitude = mantissa.abs();
    if scale <= 0 {
        return format!("{sign}{}", magnitude * 10_i128.pow(scale.unsigned_abs()));
    }
    let unit = 10_i128.pow(scale.unsigned_abs());
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale.unsigned_abs() as usize)
}

/// Without the zeros at the end of its decimals.
fn without_zeros(text: &str) -> String {
    let shortest = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    shortest.to_owned()
}

#[test]
fn bytes_are_those_of_the_server() {
    for line in SERVER_BYTES.lines() {
        let (literal, expected) = line.split_once('|').unwrap();
        assert_eq!(hex(&encoded(literal)), expected, "{literal}");
        assert_eq!(hex(&encoded_long(literal)), expected, "{literal}");
        assert_eq!(check_number(literal), Ok(()), "{literal}");
    }
}

#[test]
fn every_number_of_four_digits_at_every_scale() {
    for scale in -4..=8 {
        for mantissa in -9_999..=9_999 {
            let text = plain(mantissa, scale);
            let payload = encoded(&text);
            assert_eq!(decoded(&payload), text);
            assert_eq!(payload, encoded_long(&text), "{text}");
            assert_eq!(payload, encoded(&format!("{mantissa}e{}", -scale)), "{text}");
            let padded = format!("{}e{}", plain(mantissa, 12), 12 - scale);
            assert_eq!(
                decoded(&encoded(&padded)),
                plain(mantissa * 10_i128.pow(scale.min(0).unsigned_abs()), scale.max(0))
            );
            let unit = 10_i128.pow(scale.max(0).unsigned_abs());
            let whole = mantissa * 10_i128.pow(scale.min(0).unsigned_abs());
            let expected = if whole % unit == 0 { Ok((whole / unit) as i64) } else { Err(NotInteger) };
            assert_eq!(integer_from_number(&text), expected, "{text}");
            assert_eq!(integer_from_number(&padded), expected, "{padded}");
        }
    }
}

#[test]
fn short_and_long_path_agree_on_every_length() {
    for digits in 1..=20 {
        for scale in 0..=digits {
            for pattern in ["1234567890", "9999999999", "1000000000", "0000000001", "0001000100"] {
                let all: String = pattern.chars().cycle().take(digits).collect();
                let (before, after) = all.split_at(digits - scale);
                let text = format!("-{before}.{after}");
                let payload = encoded(&text);
                assert_eq!(payload, encoded_long(&text), "{text}");
                let before = before.trim_start_matches('0');
                let sign = if all.bytes().all(|digit| digit == b'0') { "" } else { "-" };
                let point = if after.is_empty() { "" } else { "." };
                let before = if before.is_empty() { "0" } else { before };
                assert_eq!(decoded(&payload), format!("{sign}{before}{point}{after}"));
            }
        }
    }
}

#[test]
fn the_limits_of_numeric() {
    let nines = "9".repeat(131_072);
    let widest = format!("{nines}.{}", "9".repeat(16_383));
    assert_eq!(decoded(&encoded(&widest)), widest);
    assert_eq!(decoded(&encoded("1e131071")), format!("1{}", "0".repeat(131_071)));
    assert_eq!(decoded(&encoded("-1e-16383")), format!("-0.{}1", "0".repeat(16_382)));
    let zeros = "0".repeat(200_000);
    assert_eq!(decoded(&encoded(&format!("{zeros}1.5"))), "1.5");
    assert_eq!(decoded(&encoded(&format!("1.5{zeros}"))), format!("1.5{}", "0".repeat(16_382)));
    assert_eq!(decoded(&encoded(&format!("0.{zeros}1e200001"))), "1");
    assert_eq!(decoded(&encoded(&format!("1{zeros}e-200000"))), format!("1.{}", "0".repeat(16_383)));
    assert_eq!(hex(&encoded("0e999999999999999999999999")), "0000000000000000");
    assert_eq!(hex(&encoded("-0e-999999999999999999999999")), "0000000000003fff");
    assert_eq!(decoded(&encoded("10e-16384")), format!("0.{}1", "0".repeat(16_382)));
    for literal in [
        "1e131072",
        "-1e131072",
        "10e131071",
        "1e-16384",
        "1.5e-16383",
        "1e999999999999",
        "1e-999999999999",
        "1e99999999999999999999999999",
        "-1e-99999999999999999999999999",
        &format!("1{nines}"),
        &format!("0.{zeros}1"),
    ] {
        let mut payload = vec![7];
        assert_eq!(encode_number(literal, &mut payload), Err(OutOfRange));
        assert_eq!(payload, [7], "nothing is appended");
        assert_eq!(check_number(literal), Err(OutOfRange));
    }
}

#[test]
fn what_is_no_number() {
    for literal in [
        "",
        " ",
        " 1",
        "1 ",
        "+",
        "-",
        ".",
        "-.",
        "+.e1",
        "e1",
        ".e1",
        "1e",
        "1e+",
        "1e-",
        "1ee1",
        "1e1.0",
        "1e1e1",
        "--1",
        "+-1",
        "1..2",
        "1.2.3",
        "1,5",
        "1_000",
        "0x10",
        "NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "null",
        "true",
        "1f",
        "1d",
        "１",
        "1é",
        "1\0",
    ] {
        assert_eq!(check_number(literal), Err(Unparsable), "{literal:?}");
        assert_eq!(encode_number(literal, &mut Vec::new()), Err(Unparsable), "{literal:?}");
        assert_eq!(integer_from_number(literal), Err(Unparsable), "{literal:?}");
        assert_eq!(integer_from_text(literal), Err(Unparsable), "{literal:?}");
    }
}

#[test]
fn integers_from_numbers() {
    for (literal, expected) in [
        ("42", Ok(42)),
        ("-42", Ok(-42)),
        ("0", Ok(0)),
        ("-0", Ok(0)),
        ("-0.0", Ok(0)),
        ("0e999999999999999999999", Ok(0)),
        ("1.0", Ok(1)),
        ("1e3", Ok(1_000)),
        ("1E+3", Ok(1_000)),
        ("1.5e1", Ok(15)),
        ("1200e-2", Ok(12)),
        ("999999999999999999", Ok(999_999_999_999_999_999)),
        ("9223372036854775807", Ok(i64::MAX)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775807.000", Ok(i64::MAX)),
        ("-9.223372036854775808e18", Ok(i64::MIN)),
        ("9223372036854775808", Err(OutOfRange)),
        ("-9223372036854775809", Err(OutOfRange)),
        ("9.223372036854775808e18", Err(OutOfRange)),
        ("1e19", Err(OutOfRange)),
        ("1e999999999999999999999", Err(OutOfRange)),
        ("1.5", Err(NotInteger)),
        ("-0.5", Err(NotInteger)),
        ("15e-1", Err(NotInteger)),
        ("1e-999999999999999999999", Err(NotInteger)),
        ("9223372036854775808.5", Err(NotInteger)),
        ("99999999999999999999999999999999999999999.1", Err(NotInteger)),
        ("1.00000000000000000000000000000000000000001", Err(NotInteger)),
    ] {
        assert_eq!(integer_from_number(literal), expected, "{literal}");
    }
    assert_eq!(integer_from_number(&format!("1{}e-100000", "0".repeat(100_000))), Ok(1));
    assert_eq!(integer_from_number(&"9".repeat(100_000)), Err(OutOfRange));
}

#[test]
fn integers_from_texts() {
    let zeros = "0".repeat(1_000);
    for (text, expected) in [
        ("42", Ok(42)),
        ("+42", Ok(42)),
        ("-42", Ok(-42)),
        ("-0", Ok(0)),
        ("0042", Ok(42)),
        (&format!("-{zeros}42"), Ok(-42)),
        ("9223372036854775807", Ok(i64::MAX)),
        ("-9223372036854775808", Ok(i64::MIN)),
        ("9223372036854775808", Err(OutOfRange)),
        ("-9223372036854775809", Err(OutOfRange)),
        (&format!("1{zeros}"), Err(OutOfRange)),
        (&format!("1{zeros}x"), Err(Unparsable)),
        ("4.0", Err(Unparsable)),
        ("4.", Err(Unparsable)),
        ("1e3", Err(Unparsable)),
        (" 42", Err(Unparsable)),
        ("42\n", Err(Unparsable)),
    ] {
        assert_eq!(integer_from_text(text), expected, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn plain_decimals_survive(mantissa in proptest::num::i128::ANY, scale in 0..30_i32, shift in -40..40_i64) {
        let mantissa = mantissa / 10;
        let text = plain(mantissa, scale);
        proptest::prop_assert_eq!(decoded(&encoded(&text)), &text[..]);
        // an exponent moves the point and changes no digit
        let moved = encoded(&format!("{text}e{shift}"));
        let back = encoded(&format!("{}e{}", decoded(&moved), -shift));
        proptest::prop_assert_eq!(without_zeros(&decoded(&back)), without_zeros(&text));
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eE]{0,40}") {
        let mut payload = Vec::new();
        proptest::prop_assert_eq!(check_number(&text), encode_number(&text, &mut payload));
        let _ = (integer_from_number(&text), integer_from_text(&text));
    }
}

/// The bytes of a whole number with a scale.
fn scaled(value: Scaled, scale: i8) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(scale, &mut out);
    out
}

/// The bytes of the same number as text. What comes before the point is written without an exponent.
fn by_text(digits: &str, scale: i8) -> Vec<u8> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let text = match usize::try_from(scale) {
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}{}", "0".repeat(scale.unsigned_abs().into())),
    };
    let mut out = Vec::new();
    Decimal::parse(&text).expect("a number").encode(&mut out);
    let mut written = String::new();
    let whole: i128 = format!("{sign}{digits}").parse().expect("digits");
    Scaled::from(whole).write(scale, &mut written);
    let plain = if whole == 0 && scale < 0 { "0" } else { text.trim_end_matches('.') };
    assert_eq!(written, plain);
    out
}

#[test]
fn scaled_numbers_have_the_bytes_of_their_text() {
    let mut values: Vec<i128> = (-100..=100).collect();
    for power in 0..38 {
        let ten = 10_i128.pow(power);
        values.extend([ten - 1, ten, ten + 1, -ten, ten * 12 / 10]);
    }
    values.extend([i128::MAX, i128::MIN, i64::MAX.into(), i64::MIN.into(), u64::MAX.into()]);
    values.extend([i128::from(u64::MAX) + 1, 10_i128.pow(37) * 17]);
    for scale in (-9..=9).chain([15, 16, 17, 18, 37, 38, 127, -128]) {
        for value in &values {
            assert_eq!(scaled(Scaled::from(*value), scale), by_text(&value.to_string(), scale), "{value} {scale}");
            if let Ok(value) = i64::try_from(*value) {
                assert_eq!(scaled(Scaled::from(value), scale), by_text(&value.to_string(), scale), "{value} {scale}");
            }
            // The same value in words of 256 bits.
            let parts = (value.cast_unsigned(), if *value < 0 { -1 } else { 0 });
            assert_eq!(scaled(Scaled::from_parts(parts), scale), by_text(&value.to_string(), scale), "{value} {scale}");
        }
    }
}

#[test]
fn scaled_numbers_of_256_bits() {
    // 2^255 - 1 and -2^255, by digits that everybody can look up.
    let max = "57896044618658097711785492504343953926634992332820282019728792003956564819967";
    let min = "-57896044618658097711785492504343953926634992332820282019728792003956564819968";
    for (parts, text) in [
        ((u128::MAX, i128::MAX), max),
        ((0, i128::MIN), min),
        ((0, 1), "340282366920938463463374607431768211456"),
        ((0, -1), "-340282366920938463463374607431768211456"),
        ((1, -1), "-340282366920938463463374607431768211455"),
    ] {
        let mut expected = Vec::new();
        encode_number(text, &mut expected).expect("a number");
        assert_eq!(scaled(Scaled::from_parts(parts), 0), expected, "{text}");
        let mut written = String::new();
        Scaled::from_parts(parts).write(0, &mut written);
        assert_eq!(written, text);
    }
}

#[test]
fn digits_that_count() {
    let cases =
        [("0", 0), ("0.000", 0), ("1", 1), ("-100", 1), ("1.50", 2), ("0.0012300", 3), ("10e5", 1), ("1.001", 4)];
    for (literal, digits) in cases {
        assert_eq!(significant_digits(literal), Ok(digits), "{literal}");
    }
    assert_eq!(significant_digits("x"), Err(Unparsable));
}

#[test]
fn decimals_of_limited_size() {
    let cases = [
        ("999.99", 3, 2, Ok(())),
        ("-999.990", 3, 2, Ok(())),
        ("1000", 3, 2, Err(OutOfRange)),
        ("0.001", 3, 2, Err(NotInteger)),
        ("1000.001", 3, 2, Err(NotInteger)),
        ("1e2", 3, 0, Ok(())),
        ("1e3", 3, 0, Err(OutOfRange)),
        ("0.00", 0, 0, Ok(())),
        ("0e99999999999", 1, 0, Ok(())),
        ("0.5", 0, 1, Ok(())),
        ("1", 0, 1, Err(OutOfRange)),
        ("x", 1, 1, Err(Unparsable)),
    ];
    for (literal, integer_digits, scale, want) in cases {
        assert_eq!(check_decimal(literal, integer_digits, scale), want, "{literal}");
    }
}
