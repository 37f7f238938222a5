//! Code of other languages than Python and JavaScript, and the programs that a command may name.

use std::sync::LazyLock;

use regex::Regex;

/// Code where code is meant, in lower case and without blanks around dots and opening brackets.
pub(super) const OTHER_LANGUAGES: &[&str] = &[
    // SQL
    r"\bcopy\b[^;]{0,200}\b(to|from)\s+program\s+['$]",
    r"\bload_extension\(|\bxp_cmdshell\b|\blo_(import|export)\(",
    r"'\s*or\s+'?\d+'?\s*=\s*'?\d",
    r"(^|;)\s*delete\s+from\s+[\w.]+\s*(;|$|where\b)",
    r"\b(drop|truncate)\s+table\s+(if\s+exists\s+)?[\w.]+(\s*,\s*[\w.]+)*\s*(;|$|--|/\*|cascade\b|restrict\b)",
    // documents
    r"\\write18\b|\\(input|include|openin|openout|lstinputlisting|verbatiminput)\W{0,3}(/|~|\.\.|[a-z]:)",
    r"<!--#(exec|include|config|echo|set)\b",
    r"%pipe%|^\s*[=+@-]\s*\w+\|['\x22]",
    // scripts of desktops and shells
    r"\bdo\s+shell\s+script\b|@echo\s+off\b",
    r"\b(sed|awk|gawk|xargs)\s+['\x22-]|\bnohup\s*\./",
    r"^\s*(net\s+(user|use|stop|start|share|localgroup)|reg\s+(add|delete|query|save)|sc\s+(create|config|start|stop))\b",
    // media: filters and drawings that read files or run programs
    r"\b(subtitles|ass|a?movie|textfile|lut[13]d|haldclut|a?sendcmd|ladspa)=(f(ile(name)?)?=)?['\x22]?(/|~|[a-z]:[/\\]|\.\./)",
    r"\b(label|caption|text|pango):@(/|~|\.|[a-z]:|[\w-]+[/.])|\b(msl|mvg|ephemeral):[/~]",
    r"\burl\([^)\n]{0,300}['\x22`]\s*\||-protocol_whitelist\b",
    // templates
    r"['\x22]constructor['\x22]",
];

/// Programs that a command input may name without any argument, and that are no words of a description.
const PROGRAMS: [&str; 46] = [
    "systemctl",
    "socat",
    "nmap",
    "ncat",
    "telnet",
    "crontab",
    "iptables",
    "docker",
    "kubectl",
    "rsync",
    "scp",
    "sftp",
    "tftp",
    "taskkill",
    "tasklist",
    "schtasks",
    "wmic",
    "mshta",
    "certutil",
    "bitsadmin",
    "rundll32",
    "regsvr32",
    "cscript",
    "wscript",
    "osascript",
    "node",
    "perl",
    "php",
    "zsh",
    "pwsh",
    "ipconfig",
    "mkfs",
    "chmod",
    "chown",
    "useradd",
    "passwd",
    "sudo",
    "apt",
    "npm",
    "npx",
    "mail",
    "sendmail",
    "del",
    "chattr",
    "killall",
    "pkill",
];

/// True for a program that nobody names by chance.
pub(super) fn is_program(word: &str) -> bool {
    PROGRAMS.contains(&word)
}

/// An extension, an operator of a shell, a word, and how its arguments begin.
static FOLLOWED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\.[a-z0-9]{1,5}['"]?[ \t]*(?:&{1,2}|\|{1,2}|;)[ \t]*([a-z][a-z0-9_.-]*)[ \t]+(-{1,2}[a-z]{1,3}(?:[ \t]|$)|--[a-z]|/[a-z?](?:[ \t]|$)|/[a-z]+/|[~$%*<>]|[^ \t\n]*@)?"#,
    )
    .ok()
});
/// Longer text is no name.
const LONGEST_NAME: usize = 4_096;

/// True for a file's name that a command follows, or one that is a command's output to some programs.
pub(super) fn runs_as_name(text: &str) -> bool {
    if text.trim_start().starts_with('|') {
        return true;
    }
    if text.len() > LONGEST_NAME || !text.contains(['&', '|', ';']) {
        return false;
    }
    FOLLOWED.as_ref().is_none_or(|followed| {
        followed.captures_iter(text).any(|found| {
            let word = found.get(1).map_or("", |word| word.as_str());
            found.get(2).is_some() || is_program(&word.to_ascii_lowercase())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_behind_names_are_told_from_lists_of_names() {
        for name in
            ["|id", "a.png & del /s x", "b.mp4; mail me@x.example", "c.wav && tool --go", "'d.gif' | x ~"]
        {
            assert!(runs_as_name(name), "{name}");
        }
        for name in [
            "cats & dogs.png",
            "a.png; my dog.png",
            "a.png & the -- end.png",
            "R&B (x).mp3",
            "a.png|b.png",
            "one.png; two.png; three (2).jpg",
        ] {
            assert!(!runs_as_name(name), "{name}");
        }
    }
}
