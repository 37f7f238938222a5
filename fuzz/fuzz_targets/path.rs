#![no_main]
//! Names: whatever is accepted is one safe component, and stays so when it is read again.

use comfywarden_policy::path::{ModelFolder, ModelName, OutputName, PathSegment, Subfolder, UploadName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = UploadName::parse(text) {
        assert!(!name.as_str().contains(['/', '\\', '\0']) && name.as_str() == text);
        assert!(UploadName::parse(name.as_str()).is_ok());
    }
    if let Ok(folder) = Subfolder::parse(text) {
        assert!(!folder.as_str().split(['/', '\\']).any(|part| part == "..") && !folder.as_str().starts_with('/'));
    }
    if let Ok(segment) = PathSegment::parse(text) {
        assert!(!segment.as_str().contains(['/', '\\', '\0']));
    }
    let _ = (OutputName::parse(text), ModelName::parse(text), ModelFolder::parse(text));
});
