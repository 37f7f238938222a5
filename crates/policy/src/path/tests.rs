use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::*;

fn reason<T: std::fmt::Debug>(result: comfywarden_error::Result<T>) -> String {
    let error = result.unwrap_err();
    error.message().rsplit(": ").next().unwrap().to_owned()
}

#[test]
fn accepts_ordinary_names_unchanged() {
    for name in [
        "a b.png",
        "100%25.png",
        "half%done.png",
        "50%20off.png",
        "rev#3.jpg",
        "caf\u{e9}.webp",
        "[wip] x.gif",
        "caf%C3%A9.png",
        "%D0%9A%D0%BE%D1%82.png",
        // typed as their scripts are: no mixture, though not normalized
        "\u{9ac}\u{9be}\u{9dc}\u{9bf}.png",
        "\u{5de}\u{5b9}\u{5e9}\u{5c1}\u{5b6}\u{5d4}.png",
        "\u{fa19}\u{793e}.png",
        "10 \u{212b}.png",
        "50%off 20%x.png",
    ] {
        assert_eq!(UploadName::parse(name).unwrap().as_str(), name);
    }
    for name in ["", "a/b", "video\\2026", "inputs/", "v1..v2"] {
        assert_eq!(Subfolder::parse(name).unwrap().as_str(), name);
    }
    for name in ["KSampler (Efficient)", "MathExpression|pysssss", "57:8", "v1..v2"] {
        assert_eq!(PathSegment::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn refuses_paths_in_every_encoding() {
    for name in ["%2e%2e%2fx.png", "%252e%252e%252fx.png", "\u{ff0e}\u{ff0e}\u{ff0f}x.png", "\u{ff05}2fx.png"]
    {
        assert_eq!(reason(UploadName::parse(name)), "it has a path separator, plain or encoded", "{name}");
    }
    assert_eq!(
        reason(UploadName::parse(&format!("%{}2fx.png", "25".repeat(9)))),
        "it is encoded too many times"
    );
    assert!(Subfolder::parse("a\\u002e\\u002e\\b").is_err());
}

#[test]
fn names_the_rule() {
    assert_eq!(reason(UploadName::parse("con.png")), "it is a device name on Windows");
    assert_eq!(reason(UploadName::parse("x.png\n")), "it has control characters");
    for name in ["%SystemRoot%.png", "%TEMP%.png", "a%windir%.png"] {
        assert_eq!(reason(UploadName::parse(name)), "it has an environment variable", "{name}");
    }
    for name in ["%7ebob.png", "%24(id).png", "%60id%60.png", "%2drf.png"] {
        assert!(UploadName::parse(name).is_err(), "{name}");
    }
    assert_eq!(
        reason(UploadName::parse("x.svg")),
        "its extension is none of png, jpg, jpeg, webp, gif, json"
    );
    assert_eq!(
        reason(UploadName::parse("a\u{e9}e\u{301}.png")).split(',').next().unwrap(),
        "it mixes composed and decomposed characters"
    );
}

#[test]
fn names_what_is_wrong_with_a_path() {
    assert_eq!(reason(Subfolder::parse("a//b")), "it has two slashes in a row, with no name between them");
    assert_eq!(
        reason(Subfolder::parse("../../etc")),
        "it climbs with a part of dots; give a path inside of the folder"
    );
    assert_eq!(
        reason(OutputName::parse("x.png [output]")),
        "it ends with the mark of a folder; give the name without it, and the folder as `type`"
    );
    assert!(reason(OutputName::parse("x.html")).starts_with("its extension is none of png, jpg"));
}

#[test]
fn a_model_name_may_have_folders_and_an_output_more_kinds() {
    ModelName::parse("sdxl/base_1.0.safetensors").unwrap();
    ModelName::parse("sdxl\\base.safetensors").unwrap();
    assert!(ModelName::parse("../x.safetensors").is_err());
    OutputName::parse("ComfyUI_00001_.mp4").unwrap();
    assert!(UploadName::parse("ComfyUI_00001_.mp4").is_err());
    assert!(OutputName::parse("x.html").is_err());
}

#[test]
fn deserializing_sanitizes() {
    assert!(serde_json::from_str::<Subfolder>("\"../x\"").is_err());
    assert_eq!(serde_json::from_str::<Subfolder>("\"x\\u00e9\"").unwrap().as_str(), "x\u{e9}");
}

/// True when none of eight decodings, folded or not, shows what an accepted name must not have.
fn is_clean(text: &str, separators_split: bool) -> bool {
    let mut current = text.to_owned();
    for _ in 0..8 {
        for reading in [current.clone(), current.nfkc().collect::<String>()] {
            if reading.chars().any(char::is_control) {
                return false;
            }
            let parts: Vec<&str> =
                if separators_split { reading.split(['/', '\\']).collect() } else { vec![reading.as_str()] };
            if parts.iter().any(|part| part.contains(['/', '\\']) || *part == "." || *part == "..") {
                return false;
            }
        }
        current = String::from_utf8_lossy(&decode_once(&current.nfkc().collect::<String>())).into_owned();
    }
    true
}

fn decode_once(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let code = pair
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .filter(|_| !pair.unwrap().starts_with('+'));
        if bytes[at] == b'%' && code.is_some() {
            out.extend(code);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(".".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("%".to_owned()),
        Just("25".to_owned()),
        Just("2e".to_owned()),
        Just("%2f".to_owned()),
        Just("%5C".to_owned()),
        Just("\u{ff0e}".to_owned()),
        Just("\u{ff05}".to_owned()),
        Just("\u{2025}".to_owned()),
        Just("\u{2100}".to_owned()),
        Just(".png".to_owned()),
        Just(" ".to_owned()),
        "[a-zA-Z0-9_\\-]{1,4}",
        any::<char>().prop_map(|c| c.to_string()),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_accepted_name_hides_nothing_and_is_returned_as_given(text in hostile()) {
        for name in [text.clone(), format!("{text}.png")] {
            if let Ok(accepted) = UploadName::parse(&name) {
                prop_assert!(is_clean(&name, false));
                prop_assert_eq!(accepted.as_str(), name.as_str());
                prop_assert!(UploadName::parse(accepted.as_str()).is_ok());
            }
        }
        if let Ok(accepted) = PathSegment::parse(&text) {
            prop_assert!(is_clean(&text, false));
            prop_assert_eq!(accepted.as_str(), text.as_str());
        }
        if let Ok(accepted) = Subfolder::parse(&text) {
            prop_assert!(is_clean(&text, true));
            prop_assert_eq!(accepted.as_str(), text.as_str());
        }
    }
}
