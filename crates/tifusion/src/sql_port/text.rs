//! Names and texts as TiDB reads them.

/// A name between backticks.
pub(crate) fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Writes a text between quotes, for a session whose `sql_mode` has no `NO_BACKSLASH_ESCAPES`.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'\'');
    for byte in text {
        match byte {
            0 => out.extend(b"\\0"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            0x1a => out.extend(b"\\Z"),
            b'\\' | b'\'' => out.extend([b'\\', *byte]),
            byte => out.push(*byte),
        }
    }
    out.push(b'\'');
}

/// A text between quotes, as [`write_text`] writes it.
pub(crate) fn quoted_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_text(&mut out, text.as_bytes());
    String::from_utf8_lossy(&out).into_owned()
}
