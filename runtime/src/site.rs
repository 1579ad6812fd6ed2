//! Where in the user's program something was defined.

use std::fmt;
use std::panic::Location;

/// An operator and the line of the user's program that asked for it.
///
/// Every fault that comes out of user code carries one, so that a message says `flat_map at src/main.rs:12:10`
/// and not where in this library the closure happened to be called.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Site {
    /// The operator's name, as the method is called.
    pub operator: &'static str,
    /// The line of the call.
    pub location: &'static Location<'static>,
}

impl Site {
    /// The site of the caller: use it in functions marked `#[track_caller]`.
    #[track_caller]
    pub fn here(operator: &'static str) -> Site {
        Site { operator, location: Location::caller() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.operator, self.location)
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn operator() -> Site {
        Site::here("map")
    }

    #[test]
    fn names_the_line_of_the_caller() {
        let site = operator();
        assert_eq!(site.to_string(), format!("map at {}:{}:20", file!(), line!() - 1));
    }
}
