use std::io::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::{FileFormat, Part, WorkflowFile, png, read, texts::MAX_ENTRIES};
use crate::convert::file_to_api;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/embedded/", $name))
            .as_slice()
    };
}

macro_rules! editor_file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/editor/", $name)).as_slice()
    };
}

/// Files that a ComfyUI 0.12.2 saved, all in one run.
fn saved_files() -> Vec<(FileFormat, &'static [u8])> {
    vec![
        (FileFormat::Png, fixture!("saved.png")),
        (FileFormat::Png, fixture!("animated.png")),
        (FileFormat::Webp, fixture!("animated.webp")),
        (FileFormat::Webm, fixture!("video.webm")),
        (FileFormat::Mp4, fixture!("video.mp4")),
        (FileFormat::Flac, fixture!("sound.flac")),
        (FileFormat::Ogg, fixture!("sound.opus")),
        (FileFormat::Mp3, fixture!("sound.mp3")),
    ]
}

const PROMPT: &str = r#"{"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}}"#;

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(&kind);
    crc.update(data);
    let mut bytes = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(&kind);
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&crc.sum().to_be_bytes());
    bytes
}

fn png_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut file = png::SIGNATURE.to_vec();
    for chunk in chunks {
        file.extend_from_slice(chunk);
    }
    file.extend_from_slice(&chunk(*b"IEND", b""));
    file
}

fn text_chunk(key: &str, text: &[u8]) -> Vec<u8> {
    chunk(*b"tEXt", &[key.as_bytes(), b"\0", text].concat())
}

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn reads_both_formats_from_every_kind_of_file_that_comfyui_saves() {
    for (source, bytes) in saved_files() {
        let found = read(bytes).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(found.format, source);
        assert_eq!(found.formats(), ["prompt", "workflow"], "{source}");
        assert_eq!(found.prompt.unwrap().len(), 11, "{source}");
        assert_eq!(found.workflow.unwrap().as_json()["nodes"][0]["title"], "größe 漢字", "{source}");
    }
}

#[test]
fn reads_packed_and_international_text_chunks() {
    let packed = deflated(PROMPT.as_bytes());
    let chunks = [
        chunk(*b"zTXt", &[b"prompt\0\0".as_slice(), &packed].concat()),
        chunk(*b"iTXt", &[b"prompt\0\0\0en\0\0".as_slice(), PROMPT.as_bytes()].concat()),
        chunk(*b"iTXt", &[b"prompt\0\x01\0en\0Aufgabe\0".as_slice(), &packed].concat()),
    ];
    for chunk in chunks {
        assert_eq!(read(&png_of(&[chunk])).unwrap().prompt.unwrap().len(), 1);
    }
}

#[test]
fn refuses_a_png_with_two_prompts_or_too_many_texts() {
    let twice = png_of(&[text_chunk("prompt", b"{}"), text_chunk("prompt", b"{}")]);
    assert!(read(&twice).unwrap_err().to_string().contains("two `prompt` entries"));
    let many = vec![text_chunk("note", b"x"); MAX_ENTRIES + 1];
    assert!(read(&png_of(&many)).unwrap_err().to_string().contains("text entries"));
}

#[test]
fn stops_inflating_a_bomb() {
    let bomb = deflated(&vec![b' '; 30_000_000]);
    assert!(bomb.len() < 50_000);
    let file = png_of(&[chunk(*b"zTXt", &[b"prompt\0\0".as_slice(), &bomb].concat())]);
    assert!(read(&file).unwrap_err().to_string().contains("inflates to more"));
}

#[test]
fn a_broken_half_becomes_a_note_and_two_broken_halves_an_error() {
    let half = png_of(&[
        text_chunk("prompt", PROMPT.as_bytes()),
        text_chunk("workflow", b"{\"nodes\": 1, \"nodes\": 2}"),
    ]);
    let found = read(&half).unwrap();
    assert_eq!((found.formats(), found.notes.len()), (vec!["prompt"], 1));
    assert!(read(&png_of(&[text_chunk("prompt", b"{\"a\": 1, \"a\": 2}")])).is_err());
}

#[test]
fn reads_exif_of_a_jpeg_with_fill_bytes_and_either_byte_order() {
    let text = format!("prompt:{PROMPT}\0");
    let length = u32::try_from(text.len()).unwrap();
    let tiff = [
        b"II*\0\x08\0\0\0\x01\0\x10\x01\x02\0".as_slice(),
        &length.to_le_bytes(),
        &26_u32.to_le_bytes(),
        &[0; 4],
        text.as_bytes(),
    ];
    let data = [b"Exif\0\0".as_slice(), &tiff.concat()].concat();
    let size = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    let file = [b"\xff\xd8\xff\xff\xff\xe1".as_slice(), &size, &data, b"\xff\xd9"].concat();
    let found = read(&file).unwrap();
    assert_eq!((found.format, found.prompt.unwrap().len()), (FileFormat::Jpeg, 1));
}

#[test]
fn tells_the_text_forms_apart() {
    let api = json!({"1": {"class_type": "X", "inputs": {}}});
    let ui = json!({"nodes": [], "links": [], "version": 0.4});
    let cases = [
        (api.clone(), FileFormat::Api, vec!["prompt"]),
        (json!({"prompt": api, "client_id": "x"}), FileFormat::Envelope, vec!["prompt"]),
        (
            json!({"prompt": api, "extra_data": {"extra_pnginfo": {"workflow": ui}}}),
            FileFormat::Envelope,
            vec!["prompt", "workflow"],
        ),
        (json!({ "workflow": ui }), FileFormat::Envelope, vec!["workflow"]),
        (ui, FileFormat::Ui, vec!["workflow"]),
        (json!({"prompt": {"class_type": "X", "inputs": {}}}), FileFormat::Api, vec!["prompt"]),
    ];
    for (value, source, formats) in cases {
        let found = read(value.to_string().as_bytes()).unwrap();
        assert_eq!((found.format, found.formats()), (source, formats));
    }
}

#[test]
fn says_what_a_file_without_a_workflow_is() {
    let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert_eq!(message(&png_of(&[])), "the png file holds no workflow");
    assert!(message(b"GIF89a\x01\x00\xff\xfe").contains("no file type that holds workflows"));
    assert!(message(b"hello").contains("not valid JSON"));
}

fn notes(file: &WorkflowFile) -> Vec<&str> {
    file.notes.iter().map(|remark| remark.message.as_str()).collect()
}

#[test]
fn a_wrong_checksum_is_a_note() {
    let found = read(editor_file!("p_badcrc.png")).unwrap();
    assert_eq!(found.formats(), ["prompt", "workflow"]);
    assert_eq!(notes(&found), ["the file is not quite sound: a text chunk has a wrong checksum"]);
}

#[test]
fn a_file_that_is_cut_off_behind_its_texts_is_read_with_a_note() {
    let whole = png_of(&[text_chunk("prompt", PROMPT.as_bytes()), chunk(*b"IDAT", &[0; 40])]);
    let found = read(&whole[..whole.len() - 30]).unwrap();
    assert_eq!((found.formats(), found.notes.len()), (vec!["prompt"], 1));
    assert!(read(&png_of(&[chunk(*b"IDAT", &[0; 40])])[..40]).is_err());
}

#[test]
fn a_tag_that_points_past_the_end_is_a_note() {
    let text = format!("prompt:{PROMPT}\0");
    let length = u32::try_from(text.len()).unwrap().to_le_bytes();
    let tiff = [
        b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x99\0\0\0\xff\xff\0\0\x10\x01\x02\0".as_slice(),
        &length,
        &38_u32.to_le_bytes(),
        &[0; 4],
        text.as_bytes(),
    ]
    .concat();
    let size = u32::try_from(tiff.len()).unwrap().to_le_bytes();
    let found = read(&[b"RIFF\0\0\0\0WEBPEXIF".as_slice(), &size, &tiff].concat()).unwrap();
    assert_eq!((found.format, found.prompt.as_ref().unwrap().len()), (FileFormat::Webp, 1));
    assert_eq!(notes(&found), ["the file is not quite sound: the EXIF block names a text outside of itself"]);
}

#[test]
fn a_prompt_and_a_workflow_that_differ_are_told_apart() {
    let found = read(editor_file!("p_stale.png")).unwrap();
    assert!(
        found.differences.iter().any(|what| what.ends_with("of node 5")) && !found.differences.is_empty(),
        "{:?}",
        found.differences
    );
    let pair = ["text_to_image.api.json", "text_to_image.ui.json"];
    let path = |name: &str| format!("{}/../../tests/fixtures/convert/{name}", env!("CARGO_MANIFEST_DIR"));
    let [api, ui] = pair.map(|name| std::fs::read(path(name)).unwrap());
    let same = read(&png_of(&[text_chunk("prompt", &api), text_chunk("workflow", &ui)])).unwrap();
    assert_eq!((same.formats().len(), same.differences.as_slice()), (2, [].as_slice()));
    let info = crate::recorded::object_info();
    let seed = |part| {
        let converted = file_to_api(&found, part, Some(info), None).unwrap();
        assert!(
            converted
                .report
                .assumed
                .iter()
                .any(|remark| remark.message.contains("two workflows that differ"))
        );
        converted.workflow.get("5").unwrap().inputs["seed"].clone()
    };
    assert_eq!((seed(Part::Prompt), seed(Part::Workflow)), (json!(1), json!(777)));
}

#[test]
fn dialects_of_json_are_read_with_a_note() {
    let cases: [(&[u8], usize); 3] = [
        (editor_file!("a_bom.json"), 0),
        (editor_file!("a_comment.json"), 1),
        (editor_file!("a_nan.json"), 1),
    ];
    for (bytes, count) in cases {
        let found = read(bytes).unwrap();
        assert_eq!((found.prompt.as_ref().unwrap().len(), found.notes.len()), (7, count), "{found:?}");
        let text = found.prompt.unwrap().get("2").unwrap().inputs["text"].clone();
        assert_eq!(text, "a \"quoted\" cat\nsecond line\t{red|blue} // no comment");
    }
}

#[test]
fn a_request_to_a_worker_is_unwrapped_and_the_rest_is_named() {
    let found = read(editor_file!("a_wrap_input.json")).unwrap();
    assert_eq!((found.format, found.prompt.as_ref().unwrap().len()), (FileFormat::Envelope, 7));
    let expected = "the workflow was found at `input.workflow`; what stands beside it was not used: images";
    assert_eq!(notes(&found), [expected]);
}

#[test]
fn workflows_kept_as_text_are_found() {
    let api = json!({"1": {"class_type": "EmptyImage", "inputs": {"width": 64}}});
    let body = json!({ "prompt": api.to_string(), "client_id": "x" }).to_string();
    let automation = json!({ "name": "flow", "nodes": [
        { "parameters": { "jsonBody": format!("={body}"), "url": "http://x" }, "type": "n8n-nodes-base.httpRequest",
          "typeVersion": 4.2, "position": [0, 0], "id": "a", "name": "HTTP Request" },
    ], "connections": {} });
    let cases = [
        json!(api.to_string()),
        json!({ "prompt": api.to_string() }),
        json!({ "workflow": api.to_string() }),
        json!({ "data": { "workflow_api": api } }),
        json!([{ "json": { "prompt": api } }]),
        automation,
    ];
    for value in cases {
        let found = read(value.to_string().as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(found.prompt.unwrap().to_value(), api, "{value}");
    }
    let other = json!({"1": {"class_type": "EmptyImage", "inputs": {"width": 65}}});
    let error = read(json!({ "a": api, "b": other }).to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "the text holds several workflows, at `a` and at `b`");
}

proptest! {
    #[test]
    fn damaged_files_give_an_answer_or_an_error(
        which in 0_usize..8,
        cut in 0.0_f64..1.0,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let mut bytes = saved_files()[which].1.to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a length below 20 000")]
        let end = (bytes.len() as f64 * cut) as usize;
        let _ = read(&bytes);
        let _ = read(&bytes[..end]);
    }

    #[test]
    fn any_bytes_behind_a_known_start_give_an_answer_or_an_error(
        start in 0_usize..9,
        rest in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let starts: [&[u8]; 9] = [
            png::SIGNATURE, b"RIFF\0\0\0\0WEBPEXIF", b"\xff\xd8\xff\xe1", b"\0\0\0\x08ftyp", b"\x1a\x45\xdf\xa3",
            b"fLaC", b"OggS", b"ID3\x04\0\0", b"{",
        ];
        let _ = read(&[starts[start], &rest].concat());
    }
}
