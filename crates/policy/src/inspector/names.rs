//! Class names that say what the class does to its host.

use crate::redact::words;

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

/// Words among them that mean something else beside one of `ARTS`: a snake, a sea-shell, a key.
const AMBIGUOUS: &[&str] =
    &["execute", "executor", "evaluator", "shell", "python", "terminal", "fetch", "command"];
/// Words of pictures.
const ARTS: &[&str] = &[
    "preprocessor",
    "preprocessors",
    "texture",
    "style",
    "poster",
    "pattern",
    "skin",
    "icon",
    "physics",
    "visualizer",
    "aesthetic",
    "aesthetics",
    "iqa",
];
/// Words that leave no doubt what an ambiguous one means.
const MACHINERY: &[&str] =
    &["code", "script", "scripts", "expression", "file", "files", "url", "process", "api", "node", "and"];
/// Where uploads go that are no button of the editor.
const TARGETS: &[&str] = &[
    "to", "and", "then", "s3", "gcs", "azure", "cloud", "drive", "dropbox", "server", "remote", "discord",
    "telegram", "imgur", "url",
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
    &["run", "exe"],
    &["dynamic", "import"],
    &["mcp", "call"],
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
    "torchload",
    "运行python",
    "运行代码",
    "执行python",
    "执行代码",
    "执行命令",
    "выполнитькод",
    "выполнитькоманду",
];

/// True when the name of an unknown class says that it runs code or commands, or moves files or data.
pub(crate) fn sounds_dangerous(class: &str) -> bool {
    let words = words(class);
    let plain = without_digits(&words);
    // “DownloadAndLoadXModel” fetches its own weights from a fixed place, as many packs do.
    let own_weights = plain.iter().any(|word| matches!(*word, "model" | "models" | "checkpoint" | "weights"));
    let mut alone = plain
        .iter()
        .filter(|word| ALONE.contains(word) && !(own_weights && matches!(**word, "fetch" | "upload")));
    let says_it = match (alone.next(), alone.next()) {
        (Some(word), None) => !means_something_else(word, &plain),
        (first, _) => first.is_some(),
    };
    says_it || says_together(&plain)
}

/// True when a title says in several words what `sounds_dangerous` looks for; one word of a title says little.
pub(super) fn title_sounds_dangerous(title: &str) -> bool {
    says_together(&without_digits(&words(title)))
}

fn without_digits(words: &[String]) -> Vec<&str> {
    let bare = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()));
    bare.filter(|word| !word.is_empty()).collect()
}

fn says_together(plain: &[&str]) -> bool {
    if TOGETHER.iter().any(|pair| pair.iter().all(|word| plain.contains(word))) {
        return true;
    }
    let joined = plain.concat();
    JOINED.iter().any(|name| joined.contains(name))
}

/// True for the one risky word of a name where the other words give it a harmless sense.
fn means_something_else(word: &str, plain: &[&str]) -> bool {
    let has = |list: &[&str]| plain.iter().any(|other| *other != word && list.contains(other));
    match word {
        // “LoadAudioUpload” has a button with which the browser uploads a file to ComfyUI.
        "upload" | "uploader" => {
            let before = plain.split(|other| *other == word).next().unwrap_or_default();
            before.contains(&"load") && !has(TARGETS)
        }
        "evaluator" if has(&["image", "images"]) => !has(MACHINERY),
        word => AMBIGUOUS.contains(&word) && has(ARTS) && !has(MACHINERY),
    }
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
            "LoadAndUpload",
            "UploadImage",
            "LoadImageUploadToS3",
            "ExecutePythonPreprocessor",
            "ShellScriptTexture",
            "ImageExpressionEvaluator",
        ] {
            assert!(sounds_dangerous(class), "{class}");
        }
    }

    #[test]
    fn a_title_needs_more_than_one_word() {
        assert!(title_sounds_dangerous("Run Python Code") && title_sounds_dangerous("Write a text File"));
        assert!(
            !title_sounds_dangerous("Show Text (Python pack)") && !title_sounds_dangerous("Image Upload")
        );
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
            "LoadMaskUpload",
            "ExecuteDepthPreprocessor",
            "Image Aesthetic Evaluator",
            "Python Skin Texture",
        ] {
            assert!(!sounds_dangerous(class), "{class}");
        }
    }
}
