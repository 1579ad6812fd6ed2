//! What names say of files.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How names end that tools give to files which they have not finished.
const UNFINISHED: [&[u8]; 8] =
    [b".tmp", b"._COPYING_", b".part", b".partial", b".filepart", b".crdownload", b".swp", b"~"];

/// Whether the name of `path` is that of a file which is to be seen and is finished: it begins with neither `.` nor `_`, and does
/// not end with `.tmp`, `._COPYING_`, `.part`, `.partial`, `.filepart`, `.crdownload`, `.swp` or `~`. The filter of
/// [`FileOptions`](super::FileOptions) unless another one is given; call it in yours to keep the rule.
///
/// ```
/// use std::path::Path;
/// use waterwheel_receivers::files::is_finished;
///
/// assert!(is_finished(Path::new("in/orders.csv")));
/// for unfinished in ["in/.orders.csv", "in/_SUCCESS", "in/orders.csv.tmp", "in/orders.csv._COPYING_"] {
///     assert!(!is_finished(Path::new(unfinished)));
/// }
/// ```
pub fn is_finished(path: &Path) -> bool {
    let Some(name) = path.file_name().map(OsStrExt::as_bytes) else { return false };
    !is_hidden(name) && !UNFINISHED.iter().any(|end| name.ends_with(end))
}

/// Whether a name is that of something which is not to be seen.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") || name.starts_with(b"_")
}
