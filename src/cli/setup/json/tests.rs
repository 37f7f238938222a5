//! Tests that other content stays and that broken files are refused.

use super::*;

fn entry() -> Entry {
    Entry {
        name: "comfyui".into(),
        command: "/opt/comfywarden".into(),
        arguments: vec!["serve".into()],
        environment: vec![("COMFYUI_URL".into(), "http://gpu:8188/".into())],
    }
}

fn edited(text: &str) -> String {
    with_entry(text, "mcpServers", false, &entry()).unwrap()
}

#[test]
fn empty_file_becomes_a_whole_one() {
    let expected = r#"{
  "mcpServers": {
    "comfyui": {
      "command": "/opt/comfywarden",
      "args": [
        "serve"
      ],
      "env": {
        "COMFYUI_URL": "http://gpu:8188/"
      }
    }
  }
}
"#;
    for empty in ["", " \n", "{}\n", "\u{feff}"] {
        assert_eq!(edited(empty), expected, "{empty:?}");
    }
}

#[test]
fn comments_order_and_spacing_stay() {
    let text = "// mine\n{\n\t\"z\": 1, /* why */\n\t\"mcpServers\": {\n\t\t\"other\": {\"command\": \"x\"} // keep\n\t\t// last\n\t},\n\t\"a\": [1,2,],\n}\n";
    let after = edited(text);
    for kept in [
        "// mine\n{\n\t\"z\": 1, /* why */\n",
        "{\"command\": \"x\"}, // keep\n\t\t\"comfyui\": {\n\t\t\t\"command\"",
        "\t\t}\n\t\t// last\n\t},\n\t\"a\": [1,2,],\n}\n",
    ] {
        assert!(after.contains(kept), "{kept}\n---\n{after}");
    }
    assert_eq!(edited(&after), after, "a second time changes nothing");
}

#[test]
fn one_line_and_windows_line_breaks_stay() {
    let after = edited("{\"mcpServers\":{},\"b\":2}");
    assert!(
        after.starts_with("{\"mcpServers\":{\n    \"comfyui\": {") && after.ends_with("\n  },\"b\":2}"),
        "{after}"
    );
    let after = edited("{\r\n  \"b\": 2\r\n}\r\n");
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
}

#[test]
fn own_entry_is_brought_up_to_date_and_keeps_what_a_person_added() {
    let text = r#"{"mcpServers": {"comfyui": {"command": "/old/comfywarden", "args": [], "env": {"MINE": "1"}, "disabled": true}}}"#;
    let after: Value = serde_json::from_str(&edited(text)).unwrap();
    let ours = &after["mcpServers"]["comfyui"];
    assert_eq!(
        (ours["command"].as_str(), &ours["args"]),
        (Some("/opt/comfywarden"), &serde_json::json!(["serve"]))
    );
    assert_eq!((&ours["env"]["MINE"], &ours["disabled"]), (&Value::from("1"), &Value::from(true)));
    assert_eq!(ours["env"]["COMFYUI_URL"], "http://gpu:8188/");
}

#[test]
fn comments_inside_of_the_own_entry_stay() {
    let text = "\u{feff}{\n  \"mcpServers\": {\n    \"comfyui\": {\n      // the old one\n      \"command\": \"/old/comfywarden\", /* here */\n      \"args\": [\"serve\"],\n      \"env\": {\"COMFYUI_URL\": \"http://old:1/\"} // there\n    }\n  }\n}\n";
    let expected =
        text.replace("/old/comfywarden", "/opt/comfywarden").replace("http://old:1/", "http://gpu:8188/");
    assert_eq!(edited(text), expected);
}

#[test]
fn last_of_equal_keys_counts() {
    let text = r#"{"mcpServers": {"comfyui": {"command": "uvx"}, "comfyui": {"command": "comfywarden"}}}"#;
    let after = edited(text);
    assert!(after.contains(r#""comfyui": {"command": "uvx"}"#), "{after}");
    assert_eq!(
        serde_json::from_str::<Value>(&after).unwrap()["mcpServers"]["comfyui"]["command"],
        "/opt/comfywarden"
    );
}

#[test]
fn server_of_somebody_else_is_not_replaced() {
    let text = r#"{"mcpServers": {"comfyui": {"command": "uvx", "args": ["comfyui-mcp"]}}}"#;
    let error = with_entry(text, "mcpServers", false, &entry()).unwrap_err();
    assert_eq!(error.kind(), comfywarden_error::Kind::Conflict);
    assert!(error.message().contains("uvx") && error.hint_text().unwrap().contains("--name"), "{error}");
}

#[test]
fn broken_files_are_refused_with_the_place() {
    for (text, place) in [
        ("{\n  \"a\": 1\n  \"b\": 2\n}", "line 2, column 9: expected comma"),
        ("{\"a\": }", "column 7"),
        ("{\"a\": \"x", "unterminated string"),
        ("{\"a\": 1} x", "more than one JSON value"),
        ("{/* ", "comment"),
        ("[1]", "object"),
        ("{\"mcpServers\": []}", "`mcpServers`"),
        ("{'a': 1}", "single-quoted strings are not allowed"),
    ] {
        let error = with_entry(text, "mcpServers", false, &entry()).unwrap_err();
        assert!(error.message().contains(place), "{text}: {error}");
    }
    let deep = "[".repeat(5_000);
    assert!(with_entry(&format!("{{\"a\": {deep}"), "mcpServers", false, &entry()).is_err());
}
