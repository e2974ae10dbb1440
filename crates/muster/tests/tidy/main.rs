//! The repository's own rules as ordinary tests: heads, sizes, module arrows, paths in documents.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of code a file may have, tests at its end aside.
const CODE_LINES_MAX: usize = 500;
/// Lines that a file's head may have.
const HEAD_LINES_MAX: usize = 12;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Files below a folder with one of the endings; build output and fetched modules are passed over.
fn files(below: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut work = vec![below.to_owned()];
    while let Some(folder) = work.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let ours = !name.starts_with('.') && name != "target" && name != "node_modules";
                work.extend((ours || name == ".ci").then_some(path));
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let paths = files(&root().join("crates"), &[".rs"]);
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    for (path, text) in sources() {
        let head = text.lines().take_while(|line| line.starts_with("//!")).count();
        assert!(head > 0, "{} has no //! head", path.display());
        assert!(head <= HEAD_LINES_MAX, "the head of {} has {head} lines", path.display());
        assert!(path.file_name().unwrap() != "mod.rs", "{}: foo.rs beside foo/", path.display());
        let stem = path.file_stem().unwrap().to_string_lossy();
        let grab_bag = ["utils", "util", "helpers", "common", "types", "misc", "prelude"];
        assert!(!grab_bag.contains(&&*stem), "{}: name it by what it is", path.display());
    }
}

#[test]
fn files_stay_readable_in_one_sitting() {
    for (path, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let lines = code.lines().filter(is_code).count();
        assert!(lines <= CODE_LINES_MAX, "{} has {lines} lines of code", path.display());
    }
}

/// (module, what it must not name)
const ARROWS: &[(&str, &[&str])] = &[
    (
        "crowd",
        &["store::", "connect::", "crate::task", "crate::console", "crate::api", "crate::cli"],
    ),
    // People and groups come from what is published, never from the store.
    ("console", &["crate::cli", "load_mirror", "load_served", "load_directory", "rusqlite"]),
    ("audit", &["crate::api", "crate::cli", "crate::console"]),
    ("api", &["crate::crowd::xml", "crate::crowd::json", "crate::cli", "crate::console"]),
    // Use cases know no HTTP server, no page and no command line.
    (
        "service",
        &["crate::api", "crate::cli", "crate::console", "crate::http", "axum", "askama", "clap"],
    ),
    ("task", &["crate::api", "crate::cli", "axum::"]),
    ("http", &["crate::", "store::", "connect::", "directory::"]),
    ("app", &["crate::cli"]),
    ("health", &["crate::cli", "store::", "connect::"]),
];

#[test]
fn modules_use_only_what_the_architecture_lets_them() {
    let src = root().join("crates/muster/src");
    for (module, banned) in ARROWS {
        let mut paths = vec![src.join(format!("{module}.rs"))];
        if src.join(module).is_dir() {
            paths.extend(files(&src.join(module), &[".rs"]));
        }
        for path in paths {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                for name in *banned {
                    let named = line.match_indices(name).any(|(at, _)| {
                        !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                    });
                    assert!(!named, "{} must not name {name}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn libraries_depend_on_nothing_of_ours_that_they_must_not() {
    let allowed: &[(&str, &[&str])] = &[
        ("directory", &[]),
        ("connect", &["directory"]),
        ("store", &["directory"]),
        ("simulator", &[]),
    ];
    let ours = ["directory", "connect", "store", "simulator", "muster"];
    for (member, may) in allowed {
        let manifest =
            fs::read_to_string(root().join("crates").join(member).join("Cargo.toml")).unwrap();
        let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for name in ours {
            let uses = section.lines().any(|line| {
                line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} "))
            });
            assert!(!uses || may.contains(&name), "{member} must not depend on {name}");
        }
    }
}

#[test]
fn the_environment_is_read_in_one_place() {
    for (path, text) in sources() {
        let product = path.components().any(|part| part.as_os_str() == "src");
        if product && !path.ends_with("muster/src/config.rs") {
            assert!(!text.contains("env::var"), "{} reads the environment", path.display());
        }
    }
}

#[test]
fn paths_in_documents_exist() {
    for path in files(&root(), &[".md"]) {
        let text = fs::read_to_string(&path).unwrap();
        for word in text.split(['`', '(', ')', ' ', '\n']) {
            let word = word.trim_end_matches(['.', ',', ';', ':']);
            let is_path = ["crates/", "docs/", "scripts/", "tests/"]
                .iter()
                .any(|start| word.starts_with(start));
            if is_path && !word.contains(['*', '<', '{']) {
                let there =
                    root().join(word).exists() || path.parent().unwrap().join(word).exists();
                assert!(there, "{} names {word}, which does not exist", path.display());
            }
        }
    }
}

#[test]
fn no_registry_host_and_no_path_of_a_machine() {
    // Spelt in parts, so that this file does not name them either.
    let banned = [
        ["crates", "io"].join("."),
        ["registry", "npmjs"].join("."),
        ["pypi", "org"].join("."),
        ["/", "work/"].concat(),
    ];
    let endings =
        [".rs", ".md", ".toml", ".json", ".sh", ".py", ".mjs", ".lock", ".txt", "run", "test"];
    for path in files(&root(), &endings) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lock = path.file_name().unwrap() == "Cargo.lock";
        for name in &banned {
            // Cargo writes its registry's address into the lock file itself.
            assert!(lock || !text.contains(name.as_str()), "{} names {name}", path.display());
        }
    }
}

/// The texts in a source file that a person may read: between quotation marks, tests aside.
fn texts(code: &str) -> Vec<&str> {
    let code = code.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Sources of what speaks to people.
fn speaking() -> impl Iterator<Item = (PathBuf, String)> {
    let quiet = ["simulator", "tests", "benches", "examples"];
    let is_quiet =
        move |path: &Path| path.iter().any(|part| quiet.iter().any(|quiet| part == *quiet));
    sources().into_iter().filter(move |(path, _)| !is_quiet(path))
}

/// "1 groups" is made by hand: `directory::counted` makes counts with their nouns.
#[test]
fn no_message_counts_by_hand() {
    let nouns = [
        "people",
        "groups",
        "users",
        "changes",
        "memberships",
        "directories",
        "rows",
        "runs",
        "entries",
        "records",
        "requests",
        "times",
        "seconds",
        "minutes",
        "applications",
        "webhooks",
        "seats",
        "losses",
    ];
    for (path, code) in speaking() {
        for text in texts(&code) {
            for noun in nouns {
                let by_hand = text.match_indices(&format!("}} {noun}")).any(|(at, found)| {
                    let after = text[at + found.len()..].chars().next();
                    let is_word = after.is_none_or(|after| !after.is_alphanumeric());
                    // `{{name}} groups` is no count, and a limit is never one.
                    let limit = ["}", "_MAX", "_MIN"].iter().any(|end| text[..at].ends_with(end));
                    is_word && !limit
                });
                assert!(!by_hand, "{}: \"{text}\": use `directory::counted`", path.display());
            }
        }
    }
}

/// A message names what it is about: no placeholder is printed.
#[test]
fn no_message_has_a_placeholder() {
    for (path, code) in speaking() {
        for text in texts(&code).into_iter().filter(|text| text.contains("muster ")) {
            let placeholder =
                text.split(|letter: char| !letter.is_ascii_alphabetic()).any(|word| word == "NAME");
            assert!(!placeholder, "{}: \"{text}\": name it", path.display());
        }
    }
}
