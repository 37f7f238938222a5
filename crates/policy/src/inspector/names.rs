//! Recognizes class names that tell of a danger to the host.

use super::word_list::WordList;
use crate::redact::words;

/// Words that tell it alone.
static ALONE: WordList = WordList::new(include_str!("lists/classes/alone.txt"));

/// Words among them that mean something else beside one of [`ARTS`]: a snake, a sea-shell, a key.
static AMBIGUOUS: WordList = WordList::new(include_str!("lists/classes/ambiguous.txt"));
/// Words of pictures.
static ARTS: WordList = WordList::new(include_str!("lists/classes/arts.txt"));
/// Words that leave no doubt what an ambiguous one means.
static MACHINERY: WordList = WordList::new(include_str!("lists/classes/machinery.txt"));
/// Targets of uploads that are no button of the editor.
static TARGETS: WordList = WordList::new(include_str!("lists/classes/targets.txt"));

/// Words that tell it together, in any order.
static TOGETHER: WordList = WordList::new(include_str!("lists/classes/together.txt"));

/// Such words without separators, for names in one case.
static JOINED: WordList = WordList::new(include_str!("lists/classes/joined.txt"));

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
    if TOGETHER.entries().any(|group| group.split(' ').all(|word| plain.contains(&word))) {
        return true;
    }
    let joined = plain.concat();
    JOINED.entries().any(|name| joined.contains(name))
}

/// True for the one risky word of a name where the other words give it a harmless sense.
fn means_something_else(word: &str, plain: &[&str]) -> bool {
    let has = |list: &WordList| plain.iter().any(|other| *other != word && list.contains(other));
    match word {
        // “LoadAudioUpload” has a button with which the browser uploads a file to ComfyUI.
        "upload" | "uploader" => {
            let before = plain.split(|other| *other == word).next().unwrap_or_default();
            before.contains(&"load") && !has(&TARGETS)
        }
        "evaluator" if plain.iter().any(|other| matches!(*other, "image" | "images")) => !has(&MACHINERY),
        word => AMBIGUOUS.contains(word) && has(&ARTS) && !has(&MACHINERY),
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
