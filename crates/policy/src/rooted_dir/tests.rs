use std::{
    ffi::OsStr,
    io::{ErrorKind, Write as _},
    path::Path,
};

use super::*;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

#[test]
fn a_path_is_found_below_its_root_and_nowhere_else() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(root.path().join("sub")).unwrap();
    for folder in [root.path().join("sub"), outside.path().to_path_buf()] {
        std::fs::write(folder.join("a.png"), b"x").unwrap();
    }
    let roots = [root.path().to_path_buf()];
    let found = locate(&root.path().join("sub/../sub/a.png"), &roots).unwrap();
    assert_eq!(
        (found.folders.as_slice(), found.name.as_os_str()),
        ([name("sub").to_owned()].as_slice(), name("a.png"))
    );
    assert!(locate(&outside.path().join("a.png"), &roots).is_none());
    assert!(locate(root.path(), &roots).is_none());
    let new = locate_new(&root.path().join("new/deep/b.png"), &roots).unwrap();
    assert_eq!(new.path(), root.path().canonicalize().unwrap().join("new/deep/b.png"));
    for bad in ["../b.png", "sub/../../b.png", "sub/./../b.png"] {
        assert!(locate_new(&root.path().join(bad), &roots).is_none(), "{bad}");
    }
    assert!(locate_new(&outside.path().join("b.png"), &roots).is_none());
    // A sibling whose name begins like the root's is not inside.
    let sibling = format!("{}-more/b.png", root.path().display());
    assert!(locate_new(Path::new(&sibling), &roots).is_none());
}

#[test]
fn a_new_file_takes_no_name_that_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    folder.create(name("t")).unwrap().write_all(b"new").unwrap();
    std::fs::write(root.path().join("old"), b"old").unwrap();
    let taken = folder.rename(name("t"), name("old"), false).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(root.path().join("old")).unwrap(), b"old");
    folder.rename(name("t"), name("free"), false).unwrap();
    assert!(!folder.has(name("t")).unwrap() && folder.has(name("free")).unwrap());
    folder.rename(name("free"), name("old"), true).unwrap();
    assert_eq!(std::fs::read(root.path().join("old")).unwrap(), b"new");
    for bad in ["..", ".", "a/b", "", "/etc"] {
        assert!(folder.create(name(bad)).is_err() && folder.enter(name(bad)).is_err(), "{bad}");
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_at_any_step() {
    use std::os::unix::fs::symlink;
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(outside.path().join("secret"), b"x").unwrap();
    symlink(outside.path(), root.path().join("folder")).unwrap();
    symlink(outside.path().join("secret"), root.path().join("file")).unwrap();
    symlink(outside.path().join("not yet"), root.path().join("dangling")).unwrap();
    let folder = Folder::open(root.path()).unwrap();
    assert!(folder.enter(name("folder")).is_err() && folder.make(name("folder")).is_err());
    assert!(folder.read(name("file")).is_err() && folder.create(name("file")).is_err());
    assert!(folder.create(name("dangling")).is_err());
    let roots = [root.path().to_path_buf()];
    assert!(locate(&root.path().join("file"), &roots).is_none());
    assert!(locate_new(&root.path().join("folder/new.png"), &roots).is_none());
    assert!(locate_new(&root.path().join("dangling/new.png"), &roots).is_none());
    // What replaces a link is the link's place, not the file behind it.
    folder.create(name("t")).unwrap();
    folder.rename(name("t"), name("file"), true).unwrap();
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"x");
}
