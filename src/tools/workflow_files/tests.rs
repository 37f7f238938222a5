use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Library, Listed, SHIPPED};
use crate::tools::Tool;
use comfywarden_workflow::recorded;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn read(folder: &Path) -> (Vec<Tool>, Vec<Listed>) {
    let library = Library::new(folder);
    library.scan(false);
    let tools = library.tools(Some(recorded::object_info()));
    (tools, library.listed().to_vec())
}

fn problem_of<'a>(listed: &'a [Listed], file: &str) -> &'a str {
    let line = listed.iter().find(|line| line.file == file).unwrap_or_else(|| panic!("{file} is not listed"));
    line.problem.as_deref().unwrap_or_default()
}

fn names(tools: &[Tool]) -> Vec<&str> {
    tools.iter().map(Tool::name).collect()
}

const API: &[u8] = br#"{"1": {"class_type": "EmptyImage", "inputs": {"width": "PARAM_WIDTH", "height": 64, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}}"#;
const SCRIPT: &[u8] = b"image = EmptyImage(width=64, height=64, batch_size=1, color=\"PARAM_INT_COLOR\")\nSaveImage(images=image, filename_prefix=\"x\")\n";
const PICTURE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/embedded/saved.png"));

#[test]
fn every_readable_form_becomes_a_tool() {
    let folder =
        folder(&[("api.json", API), ("script.py", SCRIPT), ("picture.png", PICTURE), ("README.md", b"x")]);
    let (tools, listed) = read(folder.path());
    assert_eq!(names(&tools), ["workflow_api", "workflow_picture", "workflow_script"], "{listed:?}");
    let formats: Vec<&str> = listed.iter().map(|line| line.format).collect();
    assert_eq!(formats, ["api", "png", "script"]);
    let schema = Value::Object(tools[0].contract().schema().as_ref().clone());
    assert_eq!(schema["properties"]["width"]["minimum"], 1);
    assert_eq!(schema["properties"]["wait_seconds"]["maximum"], 3600);
}

#[test]
fn wrong_files_are_listed_with_their_reason_and_break_nothing() {
    let unknown = br#"{"1": {"class_type": "NoSuchNode", "inputs": {}}}"#;
    let folder = folder(&[
        ("good.json", API),
        ("broken.json", b"{\"1\": "),
        ("empty.json", b"{}"),
        ("lacks.json", unknown),
        ("plain.png", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82"),
        ("alone.yaml", b"title: Alone"),
        ("typo.json", API),
        ("typo.yaml", b"titel: Typo"),
        ("nonsense.yaml", b"template: txt2imgg"),
        ("wait.json", br#"{"1": {"class_type": "PreviewAny", "inputs": {"source": "{{wait}}"}}}"#),
        ("\u{6f22}.json", API),
    ]);
    let (tools, listed) = read(folder.path());
    assert_eq!(names(&tools), ["workflow_good"]);
    assert!(problem_of(&listed, "broken.json").contains("not valid JSON"));
    assert!(problem_of(&listed, "empty.json").contains("no nodes"));
    assert_eq!(problem_of(&listed, "lacks.json"), "needs node classes that this ComfyUI lacks: NoSuchNode");
    assert_eq!(problem_of(&listed, "plain.png"), "holds no workflow");
    assert!(problem_of(&listed, "alone.yaml").contains("beside no workflow file"));
    assert!(problem_of(&listed, "typo.yaml").contains("did you mean `title`"));
    assert!(problem_of(&listed, "nonsense.yaml").contains("did you mean `txt2img`"));
    assert!(problem_of(&listed, "wait.json").contains("`wait` is taken"));
    assert!(problem_of(&listed, "\u{6f22}.json").contains("no letter or digit"));
}

#[test]
fn names_are_made_to_fit_and_clashes_are_told() {
    let long = format!("{}.json", "x".repeat(60));
    let folder = folder(&[
        ("a b.json", API),
        ("a_b.json", API),
        ("v1.0.json", API),
        ("c.json", API),
        ("c.png", PICTURE),
        (&long, API),
    ]);
    let (tools, listed) = read(folder.path());
    assert_eq!(names(&tools), ["workflow_a_b", "workflow_c", "workflow_v1.0"]);
    assert_eq!(problem_of(&listed, "a_b.json"), "the name workflow_a_b is taken by a b.json");
    assert!(problem_of(&listed, "c.png").contains("taken by c.json"));
    assert!(problem_of(&listed, &long).contains("too long"));
}

#[test]
fn picture_without_a_workflow_beside_a_workflow_is_no_problem() {
    let folder = folder(&[
        ("a.json", API),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xae\x42\x60\x82"),
        ("a.jpg", b"no picture"),
    ]);
    let (tools, listed) = read(folder.path());
    assert_eq!((names(&tools), listed.len()), (vec!["workflow_a"], 1), "{listed:?}");
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_devices_are_refused() {
    let outside = folder(&[("secret.json", API)]);
    let folder = folder(&[("real.json", API)]);
    std::os::unix::fs::symlink(outside.path().join("secret.json"), folder.path().join("out.json")).unwrap();
    std::os::unix::fs::symlink("real.json", folder.path().join("inner.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.json")).unwrap();
    fs::create_dir(folder.path().join("folder.json")).unwrap();
    let (tools, listed) = read(folder.path());
    assert_eq!(names(&tools), ["workflow_inner", "workflow_real"]);
    assert_eq!(problem_of(&listed, "out.json"), "is a link that leads out of the folder");
    assert_eq!(problem_of(&listed, "zero.json"), "is a link that leads out of the folder");
    assert!(!listed.iter().any(|line| line.file == "folder.json"));
}

#[test]
fn large_files_are_refused_by_their_size() {
    let folder = folder(&[]);
    let file = fs::File::create(folder.path().join("large.json")).unwrap();
    file.set_len(11 * 1024 * 1024).unwrap();
    let (_, listed) = read(folder.path());
    assert_eq!(problem_of(&listed, "large.json"), "is larger than 10 MiB");
}

#[test]
fn changes_are_seen_and_nothing_else_is_read_again() {
    let folder = folder(&[("a.json", API)]);
    let library = Library::new(folder.path());
    assert!(library.scan(true));
    assert!(!library.scan(true));
    fs::write(folder.path().join("a.yaml"), "title: Another").unwrap();
    assert!(library.scan(true));
    assert_eq!(library.tools(None)[0].title(), "Another");
    fs::write(folder.path().join("b.json"), "{").unwrap();
    assert!(!library.scan(true), "a file that is still being copied is left for later");
    assert!(library.scan(false));
    fs::remove_file(folder.path().join("a.json")).unwrap();
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    assert!(library.scan(true));
    assert!(library.tools(None).is_empty());
    assert!(!Library::new("no such folder").scan(true));
}

#[test]
fn sidecar_that_cannot_be_read_takes_its_tool_away() {
    let folder = folder(&[("a.json", API), ("a.yaml", b"parameters: {width: {hide: tru, default: 1, }")]);
    let (tools, listed) = read(folder.path());
    assert!(tools.is_empty());
    assert!(problem_of(&listed, "a.yaml").contains("not valid YAML"));
}

#[test]
fn words_of_files_are_made_safe_and_short() {
    let sidecar = format!("title: \"a\\e[31m\"\ndescription: \"{}\\u202e\"\n", "long ".repeat(100));
    let folder = folder(&[("a.json", API), ("a.yaml", sidecar.as_bytes())]);
    let (tools, _) = read(folder.path());
    assert_eq!(tools[0].title(), "a\\x1b[31m");
    assert!(tools[0].description().len() <= 200 && !tools[0].description().contains('\u{202e}'));
}

#[test]
fn sidecar_names_the_profile() {
    let folder = folder(&[("a.json", API), ("a.yaml", b"profiles: [core]"), ("b.json", API)]);
    let (tools, _) = read(folder.path());
    assert_eq!(tools.iter().map(Tool::is_everyday).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn shipped_workflows_are_tools_within_their_budget() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in SHIPPED.iter().flat_map(|shipped| shipped.files) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (tools, listed) = read(folder.path());
    let problems: Vec<_> = listed.iter().filter(|line| line.problem.is_some()).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(
        problem_of(&listed, "remove_background.yaml"),
        "needs node classes that this ComfyUI lacks: RMBG"
    );
    assert!(problems[0].hint.as_ref().unwrap().contains("ComfyUI-RMBG"));
    assert_eq!(tools.len(), SHIPPED.len() - 1);
    for tool in &tools {
        let schema = Value::Object(tool.contract().schema().as_ref().clone());
        let visible = tool.name().len() + tool.description().len() + schema.to_string().len();
        assert!(visible <= 2_200, "{}: {visible} bytes", tool.name());
        for (name, property) in schema["properties"].as_object().unwrap() {
            let line = property["description"].as_str().unwrap_or_default();
            assert!((1..=120).contains(&line.len()), "{}.{name}: {line}", tool.name());
        }
    }
    let library = Library::new(folder.path());
    library.scan(false);
    assert_eq!(library.tools(None).len(), SHIPPED.len(), "without a server all are offered");
    let resize = tools.iter().find(|tool| tool.name() == "workflow_resize").unwrap();
    assert_eq!(resize.contract().schema()["required"], json!(["image"]));
}

#[test]
fn editor_format_waits_for_the_catalogue() {
    let editor = br#"{"nodes": [], "links": [], "version": 0.4}"#;
    let folder = folder(&[("ui.json", editor)]);
    let library = Library::new(folder.path());
    library.scan(false);
    assert_eq!(library.tools(None).len(), 1);
    assert!(library.listed()[0].notes[0].contains("when ComfyUI answers"));
}
