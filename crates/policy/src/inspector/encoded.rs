//! Reads text in base64, base32 and hex.

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// The shortest run that is tried as base64 or hex: `eval(1)` has 12 characters in base64.
const SHORTEST_RUN: usize = 12;

/// The runs of characters in a text that may be base64 or hex.
pub(super) struct Runs<'t>(pub(super) &'t str);

impl<'t> Iterator for Runs<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        let bytes = self.0.as_bytes();
        let mut at = SHORTEST_RUN - 1;
        // A run of that length reaches over every place of that distance, so only those need a look.
        while let Some(byte) = bytes.get(at) {
            if is_base64(*byte) {
                let before = bytes.iter().take(at).rev().take_while(|byte| is_base64(**byte)).count();
                let after = bytes.iter().skip(at).take_while(|byte| is_base64(**byte)).count();
                let end = at + after;
                if before + after >= SHORTEST_RUN {
                    let run = self.0.get(at - before..end);
                    self.0 = self.0.get(end..).unwrap_or_default();
                    return run;
                }
                at = end;
            }
            at += SHORTEST_RUN;
        }
        None
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Decodes a run as hex, as base32 and as base64, also backwards and as UTF-7 does.
pub(super) fn hidden_in(run: &str) -> Vec<String> {
    let is_hex = run.len().is_multiple_of(2) && run.bytes().all(|b| b.is_ascii_hexdigit());
    let hex = is_hex.then(|| from_hex(run)).flatten();
    let shifted = run.strip_prefix('+').and_then(|run| from_base64(run.trim_end_matches('-')));
    // Padding at the wrong end.
    let turned = run.starts_with('=').then(|| from_base64(&run.chars().rev().collect::<String>())).flatten();
    [hex, from_base32(run), shifted, turned, from_base64(run)].into_iter().flatten().collect()
}

/// The shortest base32: less spells fewer than ten letters.
const SHORTEST_BASE32: usize = 16;

fn from_base32(run: &str) -> Option<String> {
    let run = run.trim_end_matches('=');
    if run.len() < SHORTEST_BASE32 || !run.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')) {
        return None;
    }
    let (mut bits, mut count) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(run.len() * 5 / 8);
    for byte in run.bytes() {
        let value = if byte.is_ascii_digit() { byte - b'2' + 26 } else { byte - b'A' };
        bits = (bits << 5) | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    texty(bytes)
}

/// The fewest pairs of digits that are read as text; fewer are the address of a network card or a colour.
const FEWEST_PAIRS: usize = 7;
/// The fewest bytes of those pairs with a separator between them.
const SHORTEST_PAIRS: usize = FEWEST_PAIRS * 3 - 1;

/// Decodes pairs of hexadecimal digits with blanks, colons, commas or `0x` between them, or groups of eight bits.
pub(super) fn in_pairs(text: &str) -> Option<String> {
    let belongs = |byte: &u8| {
        byte.is_ascii_hexdigit() || matches!(byte, b' ' | b'x' | b'X' | b':' | b',' | b';' | b'-' | b'\n')
    };
    let bytes = text.as_bytes();
    let mut spelled = String::new();
    let mut at = SHORTEST_PAIRS - 1;
    // As with runs: only places of that distance need a look.
    while let Some(byte) = bytes.get(at) {
        if belongs(byte) {
            let before = bytes.iter().take(at).rev().take_while(|byte| belongs(byte)).count();
            let end = at + bytes.iter().skip(at).take_while(|byte| belongs(byte)).count();
            spelled.extend(text.get(at - before..end).and_then(from_pairs));
            at = end;
        }
        at += SHORTEST_PAIRS;
    }
    (!spelled.is_empty()).then_some(spelled)
}

/// Decodes pairs in a row, a line for each row.
fn from_pairs(run: &str) -> Option<String> {
    if run.len() < SHORTEST_PAIRS {
        return None;
    }
    let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    let byte = |digits: &str| match digits.len() {
        2 => u8::from_str_radix(digits, 16).ok(),
        8 => u8::from_str_radix(digits, 2).ok(),
        _ => None,
    };
    let (mut rows, mut row) = (String::new(), String::new());
    // Without a letter or a mark they are numbers.
    let mut letters = run.contains(['x', 'X']);
    let run = run.replace("0x", " ").replace("0X", " ");
    for digits in run.split(|c: char| !c.is_ascii_hexdigit()).filter(|digits| !digits.is_empty()) {
        match byte(digits).filter(|byte| is_text(*byte)) {
            Some(byte) => {
                row.push(char::from(byte));
                letters |= digits.len() == 8 || digits.bytes().any(|digit| digit.is_ascii_alphabetic());
            }
            None if row.len() >= FEWEST_PAIRS => rows.push_str(&std::mem::replace(&mut row, "\n".into())),
            None => row.clear(),
        }
    }
    if row.len() >= FEWEST_PAIRS {
        rows.push_str(&row);
    }
    (!rows.is_empty() && letters).then_some(rows)
}

/// Decodes either alphabet, with and without padding.
fn from_base64(run: &str) -> Option<String> {
    const ANY: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY);
    let run = run.trim_end_matches('=');
    let decoded = if run.contains(['-', '_']) {
        STANDARD.decode(run.replace('-', "+").replace('_', "/"))
    } else {
        STANDARD.decode(run)
    };
    decoded.ok().and_then(texty)
}

fn from_hex(run: &str) -> Option<String> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let bytes = run.as_bytes().chunks_exact(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    });
    texty(bytes.collect::<Option<Vec<u8>>>()?)
}

/// Returns the bytes as text if they are text; a random string decodes to noise.
pub(super) fn texty(bytes: Vec<u8>) -> Option<String> {
    let bytes = inflated(&bytes).unwrap_or(bytes);
    if matches!(bytes.as_slice(), [0x80, 2..=5, .., b'.']) {
        // A binary pickle has no text to match; being one is enough.
        return Some("pickle.loads(b'')".into());
    }
    if bytes.starts_with(b"\x7fELF") {
        // Nor has a program.
        return Some("subprocess.run(program)".into());
    }
    let text = if bytes.len() >= 6 && bytes.iter().skip(1).step_by(2).all(|b| *b == 0) {
        // PowerShell's encoded commands are UTF-16.
        bytes.iter().step_by(2).map(|b| char::from(*b)).collect()
    } else if bytes.len() >= 6 && bytes.iter().step_by(2).all(|b| *b == 0) {
        // UTF-7 is UTF-16 with the bytes in the other order.
        bytes.iter().skip(1).step_by(2).map(|b| char::from(*b)).collect()
    } else {
        String::from_utf8(bytes).ok()?
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    (text.len() >= 3 && odd * 10 <= text.len()).then_some(text)
}

/// Unpacks gzip or zlib data, up to a size that code for a node does not reach.
fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    const MAX: u64 = 64 << 10;
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, 8, ..] => flate2::read::GzDecoder::new(bytes).take(MAX).read_to_end(&mut plain).ok()?,
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(bytes).take(MAX).read_to_end(&mut plain).ok()?
        }
        _ => return None,
    };
    Some(plain)
}
