//! Text for a person's terminal: how wide it is, whether it may be coloured, and what may be shown at all.
//!
//! Input: strings that attackers can shape (titles, actors, keys, log text). Output: the same, without anything a
//! terminal would obey, cut or filled to a width. No other file writes foreign text to standard error.

use std::io::IsTerminal;

use rustix::termios::tcgetwinsize;

use crate::config::no_color;

/// The width where nobody has said: a file, a pipe, a CI log.
const DEFAULT_WIDTH: usize = 120;

/// How to write to standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) colour: bool,
    pub(crate) terminal: bool,
}

/// Colours, as the numbers of the `SGR` sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Loud,
    Red,
    Yellow,
    Cyan,
    Dim,
    Bold,
}

impl Screen {
    /// What standard error is connected to.
    pub(crate) fn of_stderr() -> Self {
        let stderr = std::io::stderr();
        let terminal = stderr.is_terminal();
        let columns = tcgetwinsize(&stderr).map_or(0, |size| usize::from(size.ws_col));
        Self {
            width: if terminal && columns > 0 { columns } else { DEFAULT_WIDTH },
            colour: terminal && !no_color(),
            terminal,
        }
    }

    pub(crate) fn paint(self, text: &str, colour: Colour) -> String {
        let code = match colour {
            Colour::Loud => "1;97;41",
            Colour::Red => "1;31",
            Colour::Yellow => "33",
            Colour::Cyan => "36",
            Colour::Dim => "2",
            Colour::Bold => "1",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// `text` with everything replaced that a terminal would act upon or that would change the order of what is read:
/// control characters, invisible ones, and marks of writing direction. White space becomes a plain space.
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|char| match char {
            '\t' | '\n' | '\r' => ' ',
            _ if char.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
            '\u{61c}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => '\u{fffd}',
            _ => char,
        })
        .collect()
}

/// `text`, harmless, in exactly `width` columns: cut with `…` or filled with spaces.
pub(crate) fn cell(text: &str, width: usize) -> String {
    let text = harmless(text);
    let mut cell = String::new();
    let mut used = 0;
    let fits = columns(&text) <= width;
    let room = if fits { width } else { width.saturating_sub(1) };
    for char in text.chars() {
        if used + char_columns(char) > room {
            break;
        }
        used += char_columns(char);
        cell.push(char);
    }
    if !fits && width > 0 {
        cell.push('…');
        used += 1;
    }
    cell.push_str(&" ".repeat(width.saturating_sub(used)));
    cell
}

/// The columns `text` takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(char_columns).sum()
}

/// None for combining marks, two for East Asian and emoji, else one: near enough to keep a table straight.
fn char_columns(char: char) -> usize {
    match char {
        '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_asked() {
        for (text, width, expected) in [
            ("abc", 5, "abc  "),
            ("abcdef", 5, "abcd…"),
            ("abcde", 5, "abcde"),
            ("日志文件", 5, "日志…"),
            ("日志文件", 6, "日志… "),
            ("cafe\u{301} x", 4, "caf…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cell(text, width), expected, "{text} {width}");
            assert_eq!(columns(&cell(text, width)), width, "{text} {width}");
        }
    }

    #[test]
    fn nothing_a_terminal_obeys_is_left() {
        let text = "a\x1b[2Jb\u{9b}31mc\nd\u{202e}e\u{200b}f\x07";
        assert_eq!(harmless(text), "a\u{fffd}[2Jb\u{fffd}31mc d\u{fffd}e\u{fffd}f\u{fffd}");
    }

    #[test]
    fn no_colour_where_none_is_wanted() {
        let plain = Screen { width: 80, colour: false, terminal: false };
        assert_eq!(plain.paint("x", Colour::Red), "x");
        assert_eq!(Screen { colour: true, ..plain }.paint("x", Colour::Red), "\x1b[1;31mx\x1b[0m");
    }
}
