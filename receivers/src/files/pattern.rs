//! The directory of a stream: a path, or a pattern that any number of directories match.

use globset::{GlobBuilder, GlobMatcher};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Directories by name. In a component of the path `*`, `?`, `[a-z]` and `{a,b}` match, and `\` takes a meaning away; a name that
/// begins with `.` is matched only by a pattern that does.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The directory up to the first component with a pattern.
    base: PathBuf,
    rest: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Name(PathBuf),
    Glob { matcher: GlobMatcher, hidden: bool },
}

/// What was found, and what could not be looked at.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) directories: Vec<PathBuf>,
    /// Directories that were read for it.
    pub(super) read: Vec<PathBuf>,
    pub(super) failed: Vec<(PathBuf, io::Error)>,
}

impl Pattern {
    /// Understands `path`, which is made absolute: the program may change its directory.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn new(path: &Path) -> Result<Pattern, String> {
        if path.as_os_str().is_empty() {
            return Err("the directory has no name; give its path".to_owned());
        }
        let path = std::path::absolute(path).map_err(|error| format!("the directory {path:?}: {error}"))?;
        let (mut base, mut rest) = (PathBuf::new(), Vec::new());
        for component in path.components() {
            match Part::of(component).map_err(|error| format!("the directory {path:?} is no pattern: {error}"))? {
                Part::Name(name) if rest.is_empty() => base.push(name),
                part => rest.push(part),
            }
        }
        Ok(Pattern { base, rest })
    }

    /// One that finds nothing.
    pub(super) fn nothing() -> Pattern {
        Pattern { base: PathBuf::new(), rest: Vec::new() }
    }

    /// The directory, or those that match. A path without a pattern is not looked at.
    pub(super) fn find(&self) -> Found {
        let mut found = Found::default();
        let mut current = vec![self.base.clone()];
        for part in &self.rest {
            let mut next = Vec::new();
            for directory in current {
                match part {
                    Part::Name(name) => next.push(directory.join(name)),
                    Part::Glob { matcher, hidden } => match matching(&directory, matcher, *hidden) {
                        Ok(names) => {
                            next.extend(names);
                            found.read.push(directory);
                        }
                        // It does not lead on to where the pattern does.
                        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                        Err(error) => found.failed.push((directory, error)),
                    },
                }
            }
            current = next;
        }
        let globbed = !self.rest.is_empty();
        // A name behind a pattern need not be there in every directory that matches.
        current.retain(|path| !globbed || may_be_directory(path));
        found.directories = current;
        found
    }
}

impl Part {
    fn of(component: Component<'_>) -> Result<Part, globset::Error> {
        let name = component.as_os_str();
        match (component, name.to_str()) {
            (Component::Normal(_), Some(text)) if text.contains(['*', '?', '[', '{', '\\']) => {
                let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build()?;
                Ok(Part::Glob { matcher: glob.compile_matcher(), hidden: text.starts_with('.') })
            }
            _ => Ok(Part::Name(name.into())),
        }
    }
}

/// Whether it is a directory, for all that is known. What cannot be looked at now is none of the things that are gone.
fn may_be_directory(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(metadata) => metadata.is_dir(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    }
}

fn matching(directory: &Path, matcher: &GlobMatcher, hidden: bool) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if matcher.is_match(Path::new(&name)) && (hidden || !begins_with_dot(&name)) {
            names.push(directory.join(name));
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn begins_with_dot(name: &OsStr) -> bool {
    name.as_bytes().first() == Some(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    fn found(root: &Path, pattern: &str) -> Vec<OsString> {
        let found = Pattern::new(&root.join(pattern)).unwrap().find();
        assert!(found.failed.is_empty(), "{found:?}");
        found.directories.iter().map(|path| path.strip_prefix(root).unwrap().as_os_str().to_owned()).collect()
    }

    #[test]
    fn a_pattern_finds_the_directories_that_match_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        for directory in ["logs/a/in", "logs/b/in", "logs/.hidden/in", "logs/c", "other/a", "[x]"] {
            fs::create_dir_all(home.path().join(directory)).unwrap();
        }
        fs::File::create(home.path().join("logs/file")).unwrap();
        symlink("nowhere", home.path().join("logs/dangling")).unwrap();
        for (pattern, expected) in [
            ("logs/*/", &["logs/a", "logs/b", "logs/c"][..]),
            ("logs/*/in", &["logs/a/in", "logs/b/in"]),
            ("{logs,other}/a", &["logs/a", "other/a"]),
            ("logs/[bc]", &["logs/b", "logs/c"]),
            ("l?gs/.h*", &["logs/.hidden"]),
            ("\\[x\\]", &["[x]"]),
            ("nothing/like/this", &["nothing/like/this"]),
        ] {
            assert_eq!(found(home.path(), pattern), expected, "{pattern}");
        }
        assert_eq!(Pattern::new(&home.path().join("absent/*")).unwrap().find().failed.len(), 1);
    }

    /// Whoever looks into it is told why that is impossible; left out here, it would be gone with all its files.
    #[test]
    fn what_cannot_be_told_from_a_directory_is_taken_for_one() {
        let home = tempfile::tempdir().unwrap();
        symlink("ring", home.path().join("ring")).unwrap();
        fs::create_dir(home.path().join("a")).unwrap();
        assert_eq!(found(home.path(), "*"), ["a", "ring"]);
        assert_eq!(found(home.path(), "*/in"), ["ring/in"], "and so is what may be below it");
    }

    #[test]
    fn a_name_that_is_no_text_is_matched_by_a_star() {
        let home = tempfile::tempdir().unwrap();
        let name = OsString::from_vec(b"caf\xe9\n".to_vec());
        fs::create_dir(home.path().join(&name)).unwrap();
        assert_eq!(found(home.path(), "caf*"), [name]);
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_text() {
        for (wrong, expected) in [("in/[a", "in/[a"), ("{a", "{a"), ("", "no name")] {
            let error = Pattern::new(Path::new(wrong)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
