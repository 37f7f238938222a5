#![no_main]
//! Pictures, sounds and films: reading what they carry ends, and so does checking them as uploads.

use comfywarden_policy::{path::UploadName, upload};
use comfywarden_workflow::read::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read(bytes);
    for name in ["a.png", "a.jpg", "a.webp", "a.gif"] {
        if let Ok(name) = UploadName::parse(name) {
            let _ = upload::check(&name, bytes);
        }
    }
});
