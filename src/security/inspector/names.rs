//! Class names that say what the class does to its host.

use crate::security::redact::words;

/// Words that say it alone.
const ALONE: &[&str] = &[
    "exec",
    "execute",
    "executor",
    "eval",
    "evaluator",
    "shell",
    "bash",
    "zsh",
    "powershell",
    "pwsh",
    "cmd",
    "command",
    "commands",
    "subprocess",
    "popen",
    "terminal",
    "python",
    "javascript",
    "lua",
    "pip",
    "npm",
    "unpickle",
    "pickle",
    "marshal",
    "dill",
    "ftp",
    "sftp",
    "ssh",
    "scp",
    "telnet",
    "netcat",
    "curl",
    "wget",
    "sudo",
    "interpreter",
    "repl",
    "http",
    "https",
    "request",
    "requests",
    "webhook",
    "smtp",
    "sql",
    "sqlite",
    "ctypes",
    "syscall",
    "git",
    "install",
    "installer",
    "upload",
    "uploader",
    "fetch",
    "selenium",
    "playwright",
    "puppeteer",
    "jupyter",
    "docker",
    "deserialize",
    "rce",
    "backdoor",
];

/// Words that say it together, in any order.
const TOGETHER: &[&[&str]] = &[
    &["run", "code"],
    &["run", "script"],
    &["run", "js"],
    &["code", "runner"],
    &["script", "runner"],
    &["custom", "code"],
    &["js", "code"],
    &["dynamic", "code"],
    &["os", "system"],
    &["system", "call"],
    &["run", "process"],
    &["spawn", "process"],
    &["start", "process"],
    &["kill", "process"],
    &["read", "file"],
    &["write", "file"],
    &["delete", "file"],
    &["append", "file"],
    &["remove", "file"],
    &["copy", "file"],
    &["move", "file"],
    &["rename", "file"],
    &["load", "text", "file"],
    &["save", "text", "file"],
    &["write", "text", "path"],
    &["evaluate", "expression"],
    &["evaluate", "code"],
    &["send", "email"],
    &["send", "mail"],
    &["rest", "api"],
    &["api", "call"],
    &["download", "file"],
    &["download", "url"],
    &["web", "scraper"],
    &["code", "interpreter"],
    &["reverse", "shell"],
    &["load", "object"],
    &["joblib", "load"],
    &["environment", "variable"],
    &["env", "var"],
    &["package", "manager"],
];

/// The same without separators, for names in one case.
const JOINED: &[&str] = &[
    "runpython",
    "execpython",
    "evalpython",
    "pythonexec",
    "shellexec",
    "execshell",
    "runshell",
    "runcommand",
    "execcommand",
    "systemcommand",
    "execcode",
    "runcode",
    "evalcode",
    "codeexec",
    "unpickle",
    "powershell",
    "subprocess",
    "pipinstall",
    "gitclone",
    "reverseshell",
    "httprequest",
    "httpget",
    "httppost",
    "writefile",
    "readfile",
    "deletefile",
    "runscript",
    "execscript",
];

/// True when the name of an unknown class says that it runs code or commands, or moves files or data.
pub(in crate::security) fn sounds_dangerous(class: &str) -> bool {
    let words = words(class);
    let plain: Vec<&str> = words
        .iter()
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|w| !w.is_empty())
        .collect();
    // “DownloadAndLoadXModel” fetches its own weights from a fixed place, as many packs do.
    let own_weights = plain.iter().any(|word| matches!(*word, "model" | "models" | "checkpoint" | "weights"));
    if plain.iter().any(|word| ALONE.contains(word) && !(own_weights && matches!(*word, "fetch" | "upload")))
    {
        return true;
    }
    if TOGETHER.iter().any(|pair| pair.iter().all(|word| plain.contains(word))) {
        return true;
    }
    let joined = plain.concat();
    JOINED.iter().any(|name| joined.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_run_or_move_things() {
        for class in [
            "RunPythonCode",
            "ShellCommand_v2",
            "BashExec",
            "os.system",
            "exec_code",
            "FTPUploadFile",
            "PipInstallNode",
            "UnpickleTensor",
            "runpythonscript",
            "Write File",
            "HTTP Get",
            "SendEmailNode",
        ] {
            assert!(sounds_dangerous(class), "{class}");
        }
    }

    #[test]
    fn names_that_only_sound_a_little_like_it() {
        for class in [
            "ImpactExecutionOrderController",
            "ConsoleDebug+",
            "TorchCompileModel",
            "MathExpression|pysssss",
            "DownloadAndLoadFlorence2Model",
            "QRCodeGenerator",
            "CodeFormer",
            "Noise Control Script",
            "SystemNotification",
            "LoadImageOutput",
            "ETN_SendImageWebSocket",
            "CR Prompt Text",
            "Process Mask",
            "File Name Prefix",
        ] {
            assert!(!sounds_dangerous(class), "{class}");
        }
    }
}
