use serde_json::{Value, json};

use super::{keys::is_secret_key, *};

fn redacted(mut value: Value) -> Value {
    redact(&mut value);
    value
}

#[test]
fn names_of_secrets_are_whole_words() {
    for name in [
        "api_key",
        "X-API-Key",
        "APIKEY",
        "accessKey",
        "sessionId",
        "api_key_comfy_org",
        "pass\u{200b}word",
        "Set-Cookie",
        "hf_token",
        "openai_key",
        "token_value",
        "API Key",
        "x-amz-security-token",
        "token2",
        "PGPASSWORD",
        "hftoken",
    ] {
        assert!(is_secret_key(name), "{name}");
    }
    for name in [
        "max_tokens",
        "tokenizer",
        "token_count",
        "secretary_portrait",
        "passes",
        "compass",
        "author",
        "monkey",
        "hotkey",
        "key_count",
        "sigmas",
        "cookies_theme",
        "api_key_present",
        "session_count",
        "sort_key",
        "key",
        "passage",
    ] {
        assert!(!is_secret_key(name), "{name}");
    }
}

#[test]
fn the_key_stays_and_the_value_goes() {
    assert_eq!(
        redacted(
            json!({"api_key": "v", "auth": {"user": "bob"}, "token": null, "secret": true, "n": [{"pwd": 5}]})
        ),
        json!({"api_key": "[redacted]", "auth": "[redacted]", "token": null, "secret": true, "n": [{"pwd": "[redacted]"}]})
    );
}

#[test]
fn headers_and_command_lines_in_lists() {
    assert_eq!(
        redacted(json!([["X-API-Key", "v"], ["Accept", "*/*"]])),
        json!([["X-API-Key", "[redacted]"], ["Accept", "*/*"]])
    );
    assert_eq!(
        redacted(json!(["serve", "--api-key", "v", "--port", "80"])),
        json!(["serve", "--api-key", "[redacted]", "--port", "80"])
    );
    assert_eq!(redacted(json!(["cookie", "jar", "oven"])), json!(["cookie", "jar", "oven"]));
}

#[test]
fn urls_lose_user_info_and_secret_parameters_at_any_depth() {
    assert_eq!(
        redact_text("see https://u:p@h.example/a?x=1&sig=abc#t"),
        "see https://[redacted]@h.example/a?x=1&sig=[redacted]#t"
    );
    assert_eq!(
        redact_text("https://a.example/?u=https%3A%2F%2Fb%2F%3Ftoken%3Dv"),
        "https://a.example/?u=https%3A%2F%2Fb%2F%3Ftoken%3D%5Bredacted%5D"
    );
    let hash = "https://huggingface.co/o/r/resolve/462165984030d82259a11f4367a4eed129e94a7b/m.safetensors";
    assert_eq!(redact_text(hash), hash);
}

#[test]
fn text_inside_text_is_opened() {
    assert_eq!(
        redact_text(r#"{"body": "{\"password\": \"v\"}"}"#),
        r#"{"body":"{\"password\":\"[redacted]\"}"}"#
    );
    assert_eq!(redact_text("user=bob&password=v1&x=1"), "user=bob&password=[redacted]&x=1");
    assert_eq!(redact_text("model: sdxl\napi_key: v1\n"), "model: sdxl\napi_key: [redacted]\n");
    assert_eq!(redact_text("note: token=v1 end"), "note: token=[redacted] end");
    assert_eq!(redact_text("/login?x/password=v1"), "/login?x/password=[redacted]");
    assert_eq!(redact_text("<password>v1x2</password>"), "<password>[redacted]</password>");
    assert_eq!(redact_text("my password is hunter22"), "my password is [redacted]");
    assert_eq!(redact_text(r#"said {\"token\":\"v1\"} and"#), r#"said {\"token\":[redacted]} and"#);
    assert_eq!(redact_text("run --jwt-secret v1 --port 80"), "run --jwt-secret [redacted] --port 80");
}

#[test]
fn shapes_are_recognised_without_a_name() {
    for secret in [
        "hf_EXAMPLEexampleEXAMPLEexample",
        "Bearer abc123def456ghi789",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
    ] {
        let text = format!("said {secret} there");
        let shown = redact_text(&text);
        assert!(
            shown.starts_with("said ") && shown.ends_with(" there") && shown.contains(REDACTED),
            "{shown}"
        );
    }
}

#[test]
fn ordinary_words_stay() {
    for text in [
        "password written on a note",
        "Basic shapes, Bearer dog (breed: none)",
        "authorization office, 1950s",
        "a basic composition, sketch-like",
        "token ring museum",
        "ComfyUI knows no job ../../etc/passwd: it was deleted",
        "steps: 20, cfg: 7",
    ] {
        assert_eq!(redact_text(text), text);
    }
}

#[test]
fn an_address_inside_the_path_of_another_loses_its_password_too() {
    for url in [
        "https://civitai.com/https://u:SECRET6pw@h.example/x",
        "https://civitai.com//u:SECRET6pw@h.example/x",
        "https://civitai.com/https%3A%2F%2Fu%3ASECRET6pw%40h.example%2Fx",
        "https://civitai.com/a/u:SECRET6pw@h.example?b=1#c",
        "https://web.archive.org/web/2020/https%3A%2F%2Fh.example%2F%3Ftoken%3DSECRET6pw",
    ] {
        let shown = redact_text(url);
        assert!(!shown.contains("SECRET6pw") && shown.starts_with("https://"), "{url}: {shown}");
        let within = redact_text(&format!("went to {url} and back")).into_owned();
        assert!(!within.contains("SECRET6pw"), "{within}");
    }
    for url in [
        "https://h.example/@scope/package@1.2:x",
        "https://h.example/a%20b/c%2Fd.png",
        "https://huggingface.co/o/r/resolve/main/m.safetensors",
    ] {
        assert_eq!(redact_text(url), url);
    }
}

/// Texts with a secret, which is `S3cr3t-77` where its form tells nothing.
#[test]
fn a_secret_is_seen_however_it_is_written() {
    for text in [
        // the key of the next line is no value
        "auth:\n  password: 'S3cr3t-77'\n  user: bob",
        "Cookie:\nX-API-Key: S3cr3t-77",
        "password: |\n  S3cr3t-77\nport: 80",
        "secrets:\n  - S3cr3t-77\nport: 80",
        "token:\n  S3cr3t-77\nport: 80",
        // escapes
        "api_key%3DS3cr3t-77%26n%3D20",
        "url=https%3A%2F%2Fa.example%2F%3Fapi_key%3DS3cr3t-77&n=20",
        "apiKey%253DS3cr3t-77",
        r"said \u0022token\u0022:\u0022S3cr3t-77\u0022",
        "&quot;token&quot;:&quot;S3cr3t-77&quot;",
        // where a value ends
        r#"Authorization: Token token="S3cr3t-77""#,
        r#"Authorization: Digest username="bob", response="S3cr3t-77""#,
        r#"{"password":"ab\"S3cr3t-77","n":20"#,
        "https://a.example/x?token=ab'S3cr3t-77",
        "redis://default:pa/S3cr3t-77@h.example:6379",
        // other signs
        r#"{:password=>"S3cr3t-77", :port=>8188}"#,
        "[('accept', '*/*'), ('x-api-key', 'S3cr3t-77')]",
        r#"<add key="ApiKey" value="S3cr3t-77"/>"#,
        "form-data; name=\"password\"\r\n\r\nS3cr3t-77\r\n--b--",
        "curl --user bob:S3cr3t-77 https://a.example/x",
        "Invalid API key provided: S3cr3t-77.",
        r#"Settings { port: 1, password: Some("S3cr3t-77"), user: None }"#,
        r#"token=Secret(String::from("S3cr3t-77"))"#,
        r#""password": ["S3cr3t-77", "x"] and more"#,
        "cookie `studio_session=S3cr3t-77`; path=/",
    ] {
        let shown = redact_text(text);
        assert!(shown.contains("[redacted") && !shown.contains("S3cr3t-77"), "{text} became {shown}");
    }
    for token in [
        "xapp-1-A012345-1234567890-0123456789abcdef0123456789abcdef",
        "123456789:AAEXAMPLEexampleEXAMPLEexample12345",
        "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gexamp.EXAMPLEexampleEXAMPLEexampleEXAMPLE012",
        "GOCSPX-EXAMPLEexampleEXAMPLEexam",
        "glrt-EXAMPLEexample012345",
        "hf_EXAMPLEexample\u{200b}EXAMPLEexampleEXAMPLE",
        "%22hf_EXAMPLEexampleEXAMPLEexampleEXAMPLE%22",
        r"\nhf_EXAMPLEexampleEXAMPLEexampleEXAMPLE\n",
    ] {
        let shown = redact_text(token);
        assert!(shown.contains("[redacted]") && !shown.contains("EXAMPLEexample"), "{token} became {shown}");
    }
    for value in [
        json!({"Name": "Authorization", "Value": "S3cr3t-77"}),
        json!({"param": "api_key", "default": "S3cr3t-77"}),
        json!({"passcode": "S3cr3t-77", "apiKey1": "S3cr3t-77", "password_confirmation": "S3cr3t-77"}),
        json!(["curl", "-u", "bob:S3cr3t-77", "http://127.0.0.1:8188"]),
        json!(["-----BEGIN PRIVATE KEY-----", "S3cr3t-77", "-----END PRIVATE KEY-----"]),
    ] {
        let shown = redacted(value.clone()).to_string();
        assert!(!shown.contains("S3cr3t-77"), "{value} became {shown}");
    }
}

/// Texts that only look like secrets stay as they are.
#[test]
fn words_weights_and_names_of_files_stay() {
    for text in [
        "lo-fi beat with low-pass filtered drums",
        "top-secret documents on a desk",
        "multi-token prediction, sub-token details",
        "(token:1.2), ((password:0.8)), [token:coin:0.5], <lora:token:1>",
        "first pass: 20 steps, second pass: 0.5 denoise",
        "password: a film poster from 1980",
        "api_key: must not be empty",
        "set HF_TOKEN or pass --token to download gated models",
        "sk-anime-diffusion-xl-v3-fp16-pruned.safetensors",
        "https://a.example/a:b@2x.png",
        "100% cotton, 50%20 wool",
        r"C:\new\textures\render.png",
        "auth: disabled, tls: on",
        "cookie: chocolate chip, studio light",
        "Missing API key: pass --api-key or set COMFY_API_KEY",
        "api key: brass on a ring",
    ] {
        assert_eq!(redact_text(text), text);
    }
    for value in [
        json!(["curl", "-H", "X-Model-Key: v", "http://127.0.0.1:8188"]),
        json!(["x", "--no-auth", "8188"]),
        json!({"bos_token": "<s>", "next_page_token": "eyJvIjoyMH0", "auth": "none", "multi_pass": "2"}),
        json!([{"name": "steps", "value": 20}, {"id": "Comfy.Locale", "value": "en"}]),
    ] {
        assert_eq!(redacted(value.clone()), value);
    }
    assert_eq!(
        redacted(json!(["curl", "-H", "X-API-Key: v", "http://127.0.0.1:8188"])),
        json!(["curl", "-H", "X-API-Key: [redacted]", "http://127.0.0.1:8188"])
    );
}
