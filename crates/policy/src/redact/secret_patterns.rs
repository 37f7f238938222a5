//! Patterns of secrets, and of the names and signs around them.

use comfywarden_pattern::patterns;

use crate::display;

/// No alternative of [`TOKENS`] without a colon matches less than this without a blank or a comma; a key block
/// begins with such a run.
const SHORTEST_TOKEN: usize = 10;

/// Prefixed tokens of well-known services, JSON web tokens, key blocks, webhook paths.
///
/// Each alternative begins with a literal, so the search runs at the speed of a multi-string search.
const TOKENS: &str = r"(?x)
    (?s: -----BEGIN\x20[A-Z0-9\x20]*PRIVATE\x20KEY[A-Z\x20]*-----.*? (?: -----END\x20[A-Z0-9\x20]*-----| \z ) )
  | \beyJ[A-Za-z0-9_-]{8,}\.(?:\.[A-Za-z0-9_-]{4,}|[A-Za-z0-9_-]{4,})(?:\.[A-Za-z0-9_-]*)*
  | \bhf_[A-Za-z0-9]{16,}
  | \bapi_org_[A-Za-z0-9]{20,}
  | \b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{20,}
  | \bgithub_pat_[A-Za-z0-9_]{20,}
  | \bgl(?:pat|rt|dt|ptt|cbt|ft|oas)-[A-Za-z0-9_-]{16,}
  | \bsk-[A-Za-z0-9]{16,}
  | \bsk-(?:proj|svcacct|admin|ant|or|lf|None)-[A-Za-z0-9_-]{16,}
  | _sk-(?:proj|svcacct|admin|ant|or)-[A-Za-z0-9_-]{16,}
  | _hf_[A-Za-z0-9]{30,}
  | _gh[pousr]_[A-Za-z0-9]{30,}
  | \b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}
  | \bwhsec_[A-Za-z0-9+/=]{16,}
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}
  | \bAIza[0-9A-Za-z_-]{30,}
  | \bya29\.[0-9A-Za-z_-]{20,}
  | \bGOCSPX-[0-9A-Za-z_-]{16,}
  | \bxox[abeprs]-[A-Za-z0-9-]{10,}
  | \bxapp-[0-9]-[A-Za-z0-9-]{16,}
  | \bpplx-[A-Za-z0-9]{20,}
  | \bxai-[A-Za-z0-9]{30,}
  | \brpa_[A-Za-z0-9]{20,}
  | \bntn_[A-Za-z0-9]{20,}
  | \btskey-[a-z]+-[A-Za-z0-9-]{10,}
  | \bnpm_[A-Za-z0-9]{30,}
  | \bpypi-[A-Za-z0-9_-]{16,}
  | \br8_[A-Za-z0-9]{30,}
  | \bgsk_[A-Za-z0-9]{20,}
  | \bnvapi-[A-Za-z0-9_-]{20,}
  | \bcomfyui-[0-9a-f]{32,}
  | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
  | \bdop_v1_[a-f0-9]{32,}
  | \bshp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}
  | \bdckr_pat_[A-Za-z0-9_-]{20,}
  | \bhv[sb]\.[A-Za-z0-9_-]{20,}
  | \b(?:lin_api|sntrys|pat|key)_[A-Za-z0-9]{32,}
  | \s(?:-u|--user)\s+[^\s:]+:\S+
  | \bAGE-SECRET-KEY-1[0-9A-Z]{20,}
  | hooks\.slack\.com/services/[A-Za-z0-9/_-]+
  | /api/webhooks/[0-9]{5,}/[A-Za-z0-9_-]{20,}
  | \bbot[0-9]{6,}:[A-Za-z0-9_-]{30,}
";

patterns! {
    /// The compiled [`TOKENS`].
    pub(super) static TOKEN: Pattern = display::ascii_boundaries(TOKENS);
    /// Tokens of chat bots, which begin with no literal: looked for in few texts only.
    pub(super) static BOT: Pattern = display::ascii_boundaries(
        r"(?x) \b[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}
          | \b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
    );
    /// Finds `name=value`, `name: value`, `"name": "value"`, `name => value`; the code decides by the name.
    ///
    /// A value is on the line of its name, or a block or list below it as YAML writes them. A quoted one ends at the
    /// quote that is not escaped, or with the text.
    pub(super) static PAIR: Pattern = r#"(?ix)
        (?P<path> / )? (?P<name> \b (?: (?:api|access|secret|private|session|auth|client) \x20 (?:key|token|id|secret) (?:\x20provided)?
                       | [a-z%] [a-z0-9_.%\-\u{200b}-\u{200d}\u{2060}\u{feff}]{1,63} ) )
        (?P<between> \\{0,3} ["']? [\s&&[^\r\n]]{0,4} [=:]{1,2} >? [\s&&[^\r\n]]{0,4} )
        (?P<value>
          [|>] [+-]? [\s&&[^\r\n]]* \r?\n (?: [\x20\t]+ [^\n]* \n? )+
        | (?: \r?\n [\x20\t]+ - [\x20\t]+ [^\r\n]+ )+
        | \r?\n [\x20\t]+ [^\s:=-] [^\s:=]* [\x20\t]* (?: \r?\n | \z )
        | (?: (?:bearer|basic|token|digest|apikey|negotiate|signature|oauth|hmac|hawk) [\x20,]+ )?
          (?: \\{1,3} "[^"]*" | \\{1,3} '[^']*'
            | "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | ["'][^\s"']+
            | (?: (?: [a-z_][a-z0-9_:]{0,40} )? [(\[] \s{0,4} ){1,4}
              (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' ) (?: \s{0,4},\s{0,4} (?: "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' ) )*
            | [a-z][a-z0-9_-]{0,30} = (?: "[^"]*" | [^\s&;,"'<>]+ )
              (?: \s{0,2} , \s{0,2} [a-z][a-z0-9_-]{0,30} = (?: "[^"]*" | [^\s&;,"'<>]+ ) )*
            | [^\s&;,"'<>]+ ) )
        "#;
    /// An authorization scheme and what follows it; the code decides whether that looks like a credential.
    pub(super) static SCHEME: Pattern = r"(?i)\b(?P<scheme>bearer|basic)(?P<between>\s+)(?P<value>[A-Za-z0-9._~+/=\-]{6,})";
    /// Finds `--api-key VALUE` inside one string. What is before it keeps words such as `low-pass` apart.
    pub(super) static OPTION: Pattern = r#"(?i)(?P<path>^|[\s"'`\[(=,|;&])(?P<name>--?[a-z][a-z0-9_-]{1,40})(?P<between>\s+)(?P<value>[^\s-][^\s]*)"#;
    /// Finds `<password>VALUE</password>`, and “the password is VALUE”.
    pub(super) static SPOKEN: Pattern = r"(?i)(?P<name>[a-z][\w-]{2,40})(?P<between>>|\s+(?:is|was)\s+)(?P<value>[^<>\s]{4,})";
    /// A cookie header up to the end of its line.
    pub(super) static COOKIES: Pattern = r"(?i)\b(?P<name>(?:set-)?cookie)(?P<between>[\s&&[^\r\n]]*:[\s&&[^\r\n]]*)(?P<value>[^\r\n]*=[^\r\n]+)";
    /// Finds a scheme and an authority. An apostrophe within a word belongs to it.
    pub(super) static URL: Pattern = r#"[A-Za-z][A-Za-z0-9+.\-]{0,30}://(?:[^\s"'<>`\\]|'[A-Za-z0-9])+"#;
    /// Finds `('name', 'value')`, `key="name" value="value"`, and a part of a form: a name in quotes, and its value.
    pub(super) static NAMED: Pattern = r#"(?ix) (?P<path> \(\s{0,4} ["'] | \b(?:key|name)\s{0,4}=\s{0,4}["'] ) (?P<name>[a-z][a-z0-9_.\-]{1,63})
        (?P<between> ["'] (?: \s{0,4},\s{0,4}["'] | \s{1,4}value\s{0,4}=\s{0,4}["'] | \r?\n\r?\n ) )
        (?P<value> [^"'\r\n]+ )"#;
}

/// True when the text holds something that has the shape of a credential.
pub(crate) fn has_credential(text: &str) -> bool {
    may_hold_token(text) && TOKEN.is_match(text)
}

/// False for text of short words, in which no token of [`TOKENS`] has room.
pub(super) fn may_hold_token(text: &str) -> bool {
    // `-u name:word` and `bot…:` are told by their colon, a key block by its dashes.
    if text.contains(':') {
        return true;
    }
    let belongs = |byte: &&u8| !(byte.is_ascii_whitespace() || **byte == b',');
    let bytes = text.as_bytes();
    let mut at = SHORTEST_TOKEN - 1;
    // A word of that length reaches over every place of that distance, so only those need a look.
    while let Some(byte) = bytes.get(at) {
        if belongs(&byte) {
            let before = bytes.iter().take(at).rev().take(SHORTEST_TOKEN).take_while(belongs).count();
            let after = bytes.iter().skip(at).take(SHORTEST_TOKEN).take_while(belongs).count();
            if before + after >= SHORTEST_TOKEN {
                return true;
            }
            at += after;
        }
        at += SHORTEST_TOKEN;
    }
    false
}

/// True when the text after `Bearer` or `Basic` is a credential and not the next word of a sentence.
pub(super) fn is_credential(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let upper = value.bytes().any(|b| b.is_ascii_uppercase());
    let lower = value.bytes().any(|b| b.is_ascii_lowercase());
    let odd = value.bytes().any(|b| matches!(b, b'+' | b'/' | b'=' | b'_' | b'~'));
    value.len() >= 24
        || (value.len() >= 8 && digits > 0 && (digits >= 2 || upper || odd))
        || (odd && value.len() >= 12)
        || (value.len() >= 16 && upper && lower && value.bytes().skip(1).any(|b| b.is_ascii_uppercase()))
}
