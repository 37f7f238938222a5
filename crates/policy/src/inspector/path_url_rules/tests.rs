use super::*;

#[test]
fn paths_that_leave_are_told_from_those_that_stay() {
    for path in [
        "../x",
        "..\\x",
        "a/%2e%2e/x",
        "/etc/x",
        "C:\\x",
        "~/.ssh/id",
        "file:///etc",
        "a/\u{ff0e}\u{ff0e}/x",
        "a/.. /x",
        "$HOME/x",
        "a.png;../b.png",
        "'/etc/hosts'",
        "..\u{2215}x",
        "%LocalAppData%\\x",
    ] {
        assert_eq!(escapes(Text::new(path)), Some(LEAVES), "{path}");
    }
    for path in [
        "video/2026-11/x",
        "SDXL\\base.safetensors",
        "%date:yyyy-MM-dd%/x",
        "%KSampler.seed%_a",
        "clipspace/mask.png [input]",
        "50% off",
        "v1..v2",
        "~draft.png",
        "wait....png",
        "~draft~/x",
        "50%/c0.png",
        "%Y-%c0/x",
        "a;b",
        "it's \"x\"",
    ] {
        assert_eq!(escapes(Text::new(path)), None, "{path}");
    }
    for path in ["..%C0%AFx", "%25e0%2580%25ae./x", "%f0%80%80%ae"] {
        assert!(escapes(Text::new(path)).is_some_and(|why| why.contains("encoding")), "{path}");
    }
    for (path, what) in [("a\0.png", "NUL"), ("a%00.png", "NUL"), ("a\u{1b}x", "control character")] {
        assert!(escapes(Text::new(path)).is_some_and(|why| why.contains(what)), "{path}");
    }
    let leaves = |text: &str| clearly_escapes(Text::new(text));
    assert!(leaves("../../x") && leaves("/etc/passwd") && !leaves("1/2") && !leaves("/"));
}

#[test]
fn internal_urls_are_worse_than_external_ones() {
    let flag = |text: &str, is_url: bool| bad_url(Text::new(text), is_url).map(|(flag, _)| flag);
    for text in [
        "http://169.254.169.254/x",
        "http://2130706433:8188/",
        "gopher://x.example/",
        "http://0x7f.1/",
        "http://[::ffff:a00:1]/",
        "http://user:pw@example.com/",
        "https://evil.example\\@good.example/",
        "http://127.0.0.1.nip.io/",
        "https://example.com/a;http://10.0.0.1",
        "https://example.com/a\r\nhttp://10.0.0.1",
        "https://example.com/?u=http://[::1]/",
        "http://127.0\n.0.1/",
        "jar:http://127.0.0.1!/x",
    ] {
        assert_eq!(flag(text, false), Some(Flag::SsrfUrl), "{text}");
    }
    let why = |text: &str| bad_url(Text::new(text), false).map(|(_, why)| why).unwrap_or_default();
    assert!(why("curl http://evil/x").contains("`evil`: a name without a domain"));
    for text in ["http://10.1.2.3/", "http://localhost:1/", "http://nas.local/"] {
        assert!(why(text).starts_with("the internal address"), "{text}");
    }
    for text in [
        "see https://example.com/a",
        "https://a.example/1,https://b.example/2",
        "https://a.example/1\nhttps://b.example/2",
        "https://web.example/2020/http://a.example/",
        "s3://some-bucket/out/",
    ] {
        assert_eq!(flag(text, false), Some(Flag::ExternalUrl), "{text}");
    }
    assert_eq!(flag("10.0.0.5:11434", true), Some(Flag::SsrfUrl));
    assert_eq!(flag("http:/10.0.0.5/x", true), Some(Flag::SsrfUrl));
    assert_eq!(flag("0:80", true), Some(Flag::SsrfUrl));
    assert_eq!(flag("16:9", true), None);
    assert_eq!(flag("https://", true), None);
    assert_eq!(flag("// from gimpcurve-map.c:\n//   index = value", false), None);
    assert_eq!(flag("http:\n//10.0.0.1/", true), Some(Flag::SsrfUrl));
    assert_eq!(flag("10.0.0.5", false), None);
    assert_eq!(flag("model.safetensors", true), None);
    assert_eq!(flag("plain words", true), None);
}
