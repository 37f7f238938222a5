#![no_main]
//! Frames of ComfyUI's event socket: each is an event, or nothing.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    comfywarden::comfy::read_frame(bytes, false);
    comfywarden::comfy::read_frame(bytes, true);
});
