//! Printing for people: what comes from elsewhere cannot move the cursor or hide text.

use std::io::{self, Write};

use crate::security::display::sanitize;

/// Prints one piece of text and a line break to stdout. A reader that went away is no error.
pub(super) fn say(text: &str) -> io::Result<()> {
    forgive(write_line(&mut io::stdout().lock(), text))
}

/// The same to stderr, where there is nothing to be done about a failure.
pub(super) fn complain(text: &str) {
    let _ = write_line(&mut io::stderr().lock(), text);
}

fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(sanitize(text).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

fn forgive(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        let mut out = Vec::new();
        write_line(&mut out, "name\x1b[2J\u{202e}gnp").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name\\x1b[2J\\u{202e}gnp\n");
    }
}
