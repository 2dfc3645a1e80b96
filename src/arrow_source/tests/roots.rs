//! Which files may be opened.

use std::os::unix::fs::symlink;

use super::*;

fn failure(roots: &Roots, url: &str) -> String {
    let error = Source::file(url, BatchFormat::ArrowStream, roots).err().expect(url);
    assert_eq!(error.kind(), ErrorKind::Batch);
    error.message().to_owned()
}

#[test]
fn only_file_urls_of_this_machine_are_taken() {
    let roots = Roots::new([PathBuf::from("/")]);
    for (url, want) in [
        ("/tmp/x", "a URL of the `manifest` does not begin with file://, and no others are supported"),
        ("s3://bucket/x", "a URL of the `manifest` does not begin with file://, and no others are supported"),
        ("file:/tmp/x", "a URL of the `manifest` does not begin with file://, and no others are supported"),
        ("", "a URL of the `manifest` does not begin with file://, and no others are supported"),
        ("file://host/tmp/x", "a URL of the `manifest` names a host: write file:/// and the path"),
        ("file://", "a URL of the `manifest` has no path that a file can have"),
        ("file:///", "a URL of the `manifest` has no path that a file can have"),
        ("file:///a%00b", "a URL of the `manifest` has no path that a file can have"),
        ("file:///a%2", "a URL of the `manifest` has a `%` without two hexadecimal digits behind it"),
        ("file:///a%zz", "a URL of the `manifest` has a `%` without two hexadecimal digits behind it"),
        ("file:///a?b", "a URL of the `manifest` has a `?` or `#`: write %3F or %23 where a file's name has them"),
        ("file:///a#b", "a URL of the `manifest` has a `?` or `#`: write %3F or %23 where a file's name has them"),
    ] {
        assert_eq!(failure(&roots, url), want, "{url}");
    }
}

#[test]
fn without_roots_nothing_is_opened() {
    for roots in [Roots::default(), Roots::new([PathBuf::from("relative"), PathBuf::new()])] {
        let text = failure(&roots, "file:///etc/hostname");
        assert!(text.starts_with("file /etc/hostname: no file may be opened: set DESTINATION_BATCH_ROOTS"), "{text}");
    }
}

#[test]
fn names_are_decoded_and_localhost_is_here() {
    let files = Files::new();
    fs::write(files.path("ä b?#%.arrow"), ipc(&[rows(3)], BatchFormat::ArrowStream, None)).expect("a file");
    let directory = files.directory.path().display();
    for host in ["", "localhost", "LocalHost"] {
        let url = format!("FILE://{host}{directory}/%C3%A4%20b%3F%23%25.arrow");
        assert_eq!(
            all(Source::file(&url, BatchFormat::ArrowStream, &files.roots).expect(&url)).expect("rows")[0].num_rows(),
            3
        );
    }
}

#[test]
fn links_are_followed_within_the_roots_alone() {
    let (inside, outside) = (Files::new(), Files::new());
    fs::write(inside.path("rows"), ipc(&[rows(3)], BatchFormat::ArrowStream, None)).expect("a file");
    fs::write(outside.path("rows"), ipc(&[rows(3)], BatchFormat::ArrowStream, None)).expect("a file");
    symlink(inside.path("rows"), inside.path("good")).expect("a link");
    symlink(outside.path("rows"), inside.path("bad")).expect("a link");
    symlink(outside.directory.path(), inside.path("baddir")).expect("a link");
    symlink(inside.directory.path(), outside.path("root")).expect("a link");
    let url = |path: PathBuf| format!("file://{}", path.display());
    let open = |roots: &Roots, path: PathBuf| Source::file(&url(path), BatchFormat::ArrowStream, roots).map(|_| ());
    open(&inside.roots, inside.path("good")).expect("a link that stays within");
    // A root that is a link itself, named by either of its names.
    let linked = Roots::new([outside.path("root")]);
    open(&linked, outside.path("root/rows")).expect("below the link");
    open(&linked, inside.path("rows")).expect("below what it points at");
    for name in ["bad", "baddir/rows"] {
        let text = failure(&inside.roots, &url(inside.path(name)));
        assert!(text.contains("its symbolic links lead out of the directories of DESTINATION_BATCH_ROOTS"), "{text}");
    }
    let hidden = "it is not below a directory of DESTINATION_BATCH_ROOTS, so it may not be opened";
    for path in [outside.path("rows"), outside.path("missing"), inside.path("../x"), PathBuf::from("/etc/passwd")] {
        let text = failure(&inside.roots, &url(path));
        assert!(text.ends_with(hidden), "{text}");
    }
    // A name that only begins like a root.
    let beside = PathBuf::from(format!("{}x", inside.directory.path().display()));
    assert!(failure(&inside.roots, &url(beside)).ends_with(hidden));
}

#[test]
fn only_regular_files_are_opened() {
    let files = Files::new();
    let url = |path: PathBuf| format!("file://{}", path.display());
    let pipe = files.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    assert!(failure(&files.roots, &url(pipe)).ends_with("it is not a regular file"));
    assert!(failure(&files.roots, &url(files.path(""))).ends_with("it is a directory: name each of its files"));
    assert!(failure(&files.roots, &url(files.path("missing"))).ends_with("there is no such file"));
    let devices = Roots::new([PathBuf::from("/dev")]);
    assert!(failure(&devices, "file:///dev/null").ends_with("it is not a regular file"));
    fs::write(files.path("empty"), b"").expect("a file");
    assert!(failure(&files.roots, &url(files.path("empty"))).ends_with("it is empty"));
}

#[test]
fn a_file_is_where_the_kernel_opened_it() {
    let files = Files::new();
    let directory = fs::canonicalize(files.directory.path()).expect("a directory");
    for name in ["inside", "outside"] {
        fs::create_dir(directory.join(name)).expect("a directory");
        fs::write(directory.join(name).join("rows"), name).expect("a file");
    }
    let path = directory.join("inside/rows");
    assert_eq!(super::super::roots::place(&fs::File::open(&path).expect("a file")).expect("a place"), path);
    // The directory is a link while the file is opened, and itself again afterwards.
    fs::rename(directory.join("inside"), directory.join("away")).expect("another name");
    symlink(directory.join("outside"), directory.join("inside")).expect("a link");
    let opened = fs::File::open(&path).expect("a file");
    fs::remove_file(directory.join("inside")).expect("no link");
    fs::rename(directory.join("away"), directory.join("inside")).expect("its name");
    assert_eq!(super::super::roots::place(&opened).expect("a place"), directory.join("outside/rows"));
}
