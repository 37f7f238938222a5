//! Tests that other content stays and that broken files are refused.

use super::*;

fn entry() -> Entry {
    Entry {
        name: "comfyui".into(),
        command: "C:\\x\\comfywarden.exe".into(),
        arguments: vec!["serve".into(), "--profile".into(), "core".into()],
        environment: vec![("COMFYUI_URL".into(), "http://gpu:8188/".into())],
    }
}

fn edited(text: &str) -> String {
    with_entry(text, &entry()).unwrap()
}

const OURS: &str = "[mcp_servers.comfyui]\ncommand = \"C:\\\\x\\\\comfywarden.exe\"\nargs = [\"serve\", \"--profile\", \"core\"]\n\n[mcp_servers.comfyui.env]\nCOMFYUI_URL = \"http://gpu:8188/\"\n";

const MINE: &str = "# mine\nmodel = \"x\" # why\nnotes = '''\n[mcp_servers.comfyui]\n'''\nlist = [\n  1, # one\n  2,\n]\nwhen = 2026-11-21 10:00:00Z\n\n[mcp_servers.other]\ncommand = 'o'\nenv = { A = \"1\" }\n";

#[test]
fn tables_are_added_at_the_end_and_everything_else_stays() {
    assert_eq!(edited(""), OURS);
    assert_eq!(edited(MINE), format!("{MINE}\n{OURS}"));
    assert_eq!(edited("a = 1"), format!("a = 1\n\n{OURS}"));
    let twice = edited(&edited(MINE));
    assert_eq!(twice, edited(MINE), "a second time changes nothing");
}

#[test]
fn line_ends_of_windows_stay() {
    let windows = |text: &str| text.replace('\n', "\r\n");
    for text in [MINE, "[mcp_servers.comfyui]\ncommand = '/old/comfywarden'\n"] {
        let after = edited(&windows(text));
        assert_eq!(after, windows(&edited(text)));
        assert_eq!(edited(&after), after, "a second time changes nothing");
    }
    let mixed = "a = 1\r\nb = 2\n";
    assert_eq!(edited(mixed), format!("{mixed}\n{OURS}"), "what is mixed is left as it is");
}

#[test]
fn own_table_is_brought_up_to_date_and_keeps_what_a_person_added() {
    let text = "[mcp_servers.comfyui]\nstartup_timeout_sec = 20 # slow\ncommand = '/old/comfywarden'\n\n[other]\nx = 1\n";
    let after = edited(text);
    assert!(
        after.contains("startup_timeout_sec = 20 # slow\ncommand = \"C:\\\\x\\\\comfywarden.exe\"\n"),
        "{after}"
    );
    assert!(after.contains("args = [\"serve\", \"--profile\", \"core\"]\n"), "{after}");
    assert!(after.contains("\n[mcp_servers.comfyui.env]\nCOMFYUI_URL = \"http://gpu:8188/\"\n"), "{after}");
    assert!(after.ends_with("\n[other]\nx = 1\n"), "{after}");
    assert_eq!(edited(&after), after);

    let text = "[mcp_servers.comfyui]\ncommand = \"comfywarden\"\n[mcp_servers.comfyui.env]\nMINE = \"1\"\n";
    let after = edited(text);
    assert!(after.contains("MINE = \"1\"\n") && after.contains("COMFYUI_URL"), "{after}");
    assert_eq!(edited(&after), after);
}

#[test]
fn comments_stay_where_they_are() {
    let text = "\u{feff}# top\n[mcp_servers.comfyui] # mine\n# the old one\ncommand = '/old/comfywarden' # here\nargs = [\n  'serve', # first\n  '--profile', 'core'\n]\nenv.MINE = \"1\"\n\n# about the other\n[other]\nx = 1 # why\n# end\n";
    let expected = text
        .replace("'/old/comfywarden'", "\"C:\\\\x\\\\comfywarden.exe\"")
        .replace("env.MINE = \"1\"\n", "env.MINE = \"1\"\nenv.COMFYUI_URL = \"http://gpu:8188/\"\n");
    assert_eq!(edited(text), expected);
    let text = "[mcp_servers.other]\ncommand = 'o'\n\n[last]\nx = 1\n# end\n";
    assert_eq!(edited(text), format!("{text}\n{OURS}"));
    let text = "# only a comment\n";
    assert_eq!(edited(text), format!("{text}\n{OURS}"));
}

#[test]
fn server_of_somebody_else_is_not_replaced() {
    let error = with_entry("[mcp_servers.comfyui]\ncommand = \"uvx\"\n", &entry()).unwrap_err();
    assert_eq!(error.kind(), comfywarden_error::Kind::Conflict);
}

#[test]
fn other_spellings_and_broken_files_are_refused_with_the_place() {
    for (text, place) in [
        ("mcp_servers = {}\n", "line 1"),
        ("\n[mcp_servers]\ncomfyui.command = \"x\"\n", "line 3"),
        ("[[mcp_servers.comfyui]]\n", "line 1"),
        ("a = 1\nmcp_servers.other.command = 'x'\n", "line 2"),
        ("[mcp_servers.comfyui]\ncommand = \"comfywarden\"\nenv = {A = \"1\"}\n", "one line"),
        ("a = 1\nb = \n", "line 2"),
        ("a = \"x\n", "line 1"),
        ("a = [1, 2\n", "`]`"),
        ("[a\n", "`]`"),
        ("a = 1 2\n", "line 1"),
        ("a = '''x", "multi-line literal string"),
        ("{}", "key"),
    ] {
        let error = with_entry(text, &entry()).unwrap_err();
        assert!(error.message().contains(place), "{text:?}: {error}");
    }
}
