//! Text in base64 and hex.

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

/// What a run spells as hex and as base64.
pub(super) fn hidden_in(run: &str) -> Vec<String> {
    let is_hex = run.len().is_multiple_of(2) && run.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| from_hex(run)).flatten().into_iter().chain(from_base64(run)).collect()
}

/// Both alphabets, with and without padding.
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

/// The bytes as text, if they are text; a random string decodes to noise.
pub(super) fn texty(bytes: Vec<u8>) -> Option<String> {
    let bytes = inflated(&bytes).unwrap_or(bytes);
    if matches!(bytes.as_slice(), [0x80, 2..=5, .., b'.']) {
        // A binary pickle has no text to match; being one is enough.
        return Some("pickle.loads(b'')".into());
    }
    let text = if bytes.len() >= 6 && bytes.iter().skip(1).step_by(2).all(|b| *b == 0) {
        // PowerShell's encoded commands are UTF-16.
        bytes.iter().step_by(2).map(|b| char::from(*b)).collect()
    } else {
        String::from_utf8(bytes).ok()?
    };
    let odd = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    (text.len() >= 3 && odd * 10 <= text.len()).then_some(text)
}

/// What gzip or zlib data holds, up to a size that code for a node does not reach.
fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    use std::io::Read as _;
    const MOST: u64 = 64 << 10;
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, 8, ..] => flate2::read::GzDecoder::new(bytes).take(MOST).read_to_end(&mut plain).ok()?,
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            flate2::read::ZlibDecoder::new(bytes).take(MOST).read_to_end(&mut plain).ok()?
        }
        _ => return None,
    };
    Some(plain)
}
