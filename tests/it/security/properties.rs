//! Properties of every input: the targets under `fuzz/`, with inputs that a test run has time for.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use comfywarden::comfy::read_frame;
use comfywarden_policy::{
    Asking, Flag, Inspector, Knowledge, Severity, Verdict,
    download::DownloadRules,
    path::{ModelName, OutputName, PathSegment, Subfolder, UploadName},
    settings::{Mode, Security},
    strict_url::StrictUrl,
    untrusted, upload,
    webhook::WebhookRules,
};
use comfywarden_workflow::{Workflow, read::read};
use proptest::prelude::*;
use serde_json::{Value, json};

static AUDIT: LazyLock<Inspector> = LazyLock::new(|| Inspector::new(&Security::default()));
static ENFORCE: LazyLock<Inspector> =
    LazyLock::new(|| Inspector::new(&Security { mode: Mode::Enforce, ..Security::default() }));

/// Names as an attacker would write them: dots, slashes, escapes, odd letters.
fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just("%2e".to_owned()),
        Just("%252f".to_owned()),
        Just("\u{ff0e}".to_owned()),
        Just("\u{202e}".to_owned()),
        Just(".png".to_owned()),
        Just("con".to_owned()),
        Just(" ".to_owned()),
        Just("\0".to_owned()),
        Just(":".to_owned()),
        "[a-zA-Z0-9_ .-]{1,8}",
        any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Any JSON that a graph may hold.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        name().prop_map(Value::from),
        Just(json!(["1", 0])),
        Just(json!("class_type")),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("(class_type|inputs|text|code|url|path|[a-z]{1,4})", inner), 0..5)
                .prop_map(|entries| entries.into_iter().collect::<Value>()),
        ]
    })
}

/// The ways of hiding text that a node may undo.
fn disguises() -> [fn(&str) -> String; 7] {
    [
        |text| text.to_owned(),
        |text| STANDARD.encode(text),
        |text| text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
        |text| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat(),
        |text| text.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat(),
        |text| {
            text.chars()
                .map(|c| {
                    if c.is_ascii_lowercase() {
                        char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
                    } else {
                        c
                    }
                })
                .collect()
        },
        |text| text.chars().flat_map(|c| [c, '\u{200b}']).collect(),
    ]
}

/// The text and all that its percent escapes decode to, one round after the other.
fn decodings(text: &str) -> Vec<String> {
    let mut rounds = vec![text.to_owned()];
    while let Some(decoded) = rounds.last().and_then(|text| decode(text)) {
        rounds.push(decoded);
    }
    rounds
}

fn decode(text: &str) -> Option<String> {
    let code = |at: usize| u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok().filter(u8::is_ascii);
    let (at, byte) = text.match_indices('%').find_map(|(at, _)| Some((at, code(at)?)))?;
    let rest = decode(&text[at + 3..]).unwrap_or_else(|| text[at + 3..].to_owned());
    Some(format!("{}{}{rest}", &text[..at], char::from(byte)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn an_accepted_name_is_one_safe_component(text in name()) {
        if let Ok(name) = UploadName::parse(&text) {
            prop_assert_eq!(name.as_str(), text.as_str(), "it is never rewritten");
            // An escape may stand in a name, such as `a%2e.png`. Whoever decodes it, however often, must find the same rule.
            for text in decodings(&text) {
                prop_assert!(!text.contains(['/', '\\', '\0', ':']) && !text.starts_with('.'), "{}", text);
                prop_assert!(!text.chars().any(char::is_control), "{}", text);
            }
        }
        if let Ok(folder) = Subfolder::parse(&text) {
            prop_assert!(!folder.as_str().split(['/', '\\']).any(|part| part == ".." || part == "."));
            prop_assert!(!folder.as_str().starts_with('/') && !folder.as_str().contains('\0'));
        }
        if let Ok(segment) = PathSegment::parse(&text) {
            prop_assert!(!segment.as_str().contains(['/', '\\', '\0']));
        }
        let _ = (OutputName::parse(&text), ModelName::parse(&text));
    }

    #[test]
    fn an_accepted_url_is_https_and_without_credentials(
        scheme in "(https|http|HTTPS|file|ftp)", user in "(a@|a:b@|)", tail in name(),
        host in "(huggingface.co|civitai.com|127.0.0.1|evil.example|huggingface.co.evil.example|[a-z.]{1,12})",
    ) {
        let text = format!("{scheme}://{user}{host}/{tail}");
        if let Ok(url) = StrictUrl::parse(&text) {
            prop_assert_eq!(url.as_url().scheme(), "https");
            prop_assert!(url.as_url().username().is_empty() && url.as_url().password().is_none());
        }
        if let Ok(download) = DownloadRules::new(&Security::default()).check(&text, None) {
            prop_assert!(["huggingface.co", "civitai.com"].contains(&download.url.host()) && user.is_empty());
        }
        let _ = WebhookRules::Public { own_hosts: vec![] }.check(&text);
    }

    #[test]
    fn inspecting_ends_and_approves_only_what_it_has_seen(value in json_value()) {
        AUDIT.inspect_value(&value, &Knowledge::default());
        if let Ok(workflow) = Workflow::from_value(&value) {
            let findings = ENFORCE.inspect(&workflow, &Knowledge::default());
            let bad = findings.iter().any(|finding| finding.severity > Severity::Warning);
            if let Verdict::Approved(vetted) = ENFORCE.judge(workflow.clone(), findings, &Asking::default()) {
                prop_assert!(!bad);
                prop_assert_eq!(vetted.workflow(), &workflow);
            }
        }
    }

    #[test]
    fn code_stays_code_in_every_disguise(
        seed in "(__import__\\('os'\\)\\.system\\('[a-z]{1,8}'\\)|import subprocess; subprocess\\.run\\(\\['[a-z]{2,6}'\\]\\))",
        first in 0_usize..7, second in 0_usize..7,
    ) {
        let ways = disguises();
        let hidden = ways[first](&ways[second](&seed));
        let workflow = json!({"1": {"class_type": "SomeCustomNode", "inputs": {"code": hidden.clone()}}});
        let findings = AUDIT.inspect_value(&workflow, &Knowledge::default());
        prop_assert!(findings.iter().any(|finding| finding.flag == Flag::CodeInInput), "{}", hidden);
    }

    #[test]
    fn prose_for_a_text_encoder_is_never_flagged(words in prop::collection::vec("[a-zA-Z]{1,12}[,.!?()]{0,2}", 1..40)) {
        let workflow = json!({
            "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
            "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": words.join(" ")}}
        });
        prop_assert_eq!(AUDIT.inspect_value(&workflow, &Knowledge::default()), []);
    }

    #[test]
    fn damaged_pictures_are_read_to_an_end(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = include_bytes!("../../fixtures/embedded/saved.png").to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
        let _ = upload::check(&UploadName::parse("a.png").unwrap(), &bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }

    #[test]
    fn any_frame_is_an_event_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), text in json_value()) {
        read_frame(&bytes, true);
        read_frame(&bytes, false);
        read_frame(json!({"type": "executed", "data": text}).to_string().as_bytes(), false);
    }

    #[test]
    fn defused_text_has_nothing_left_to_defuse(text in ".{0,80}", mark in "(\\]\\(|<img |\\]: http:|<https:|)") {
        let text = format!("{text}{mark}{text}");
        let safe = untrusted::defuse(&text).into_owned();
        prop_assert_eq!(untrusted::defuse(&safe), safe.as_str());
    }
}
