//! Characters that a reader of a text does not see: controls, format characters, white space.

/// True for a control character (C0, DEL, C1), for a line or paragraph separator, and for a format character that shows
/// nothing or changes the order of what is shown (Unicode category Cf, and fillers that are blank).
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF | 0xFFA0 | 0xFFF9..=0xFFFB
            | 0x1BCA0..=0x1BCA3 | 0xE0000..=0xE0FFF)
}

/// What a character is called in a message: `a line break (U+000A)`.
pub(crate) fn called(character: char) -> String {
    let name = match character {
        '\n' => "a line break",
        '\r' => "a carriage return",
        '\t' => "a tab",
        ' ' => "a blank",
        '\0' => "a NUL",
        '\u{a0}' => "a no-break space",
        '\u{feff}' => "a byte order mark",
        '\u{200b}' => "a zero-width space",
        _ if character.is_control() => "a control character",
        _ if character.is_whitespace() => "white space",
        _ if is_unseen(character) => "an invisible character",
        _ => return format!("`{character}`"),
    };
    format!("{name} (U+{:04X})", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_unseen_and_letters_and_blanks_are_not() {
        for character in
            ['\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{200b}', '\u{202e}', '\u{2028}', '\u{feff}', '\u{e0041}']
        {
            assert!(is_unseen(character), "{}", called(character));
        }
        for character in ['a', ' ', '\u{a0}', 'é', '日', '🙂'] {
            assert!(!is_unseen(character), "{}", called(character));
        }
    }

    #[test]
    fn characters_are_named_with_their_code() {
        assert_eq!(called('\n'), "a line break (U+000A)");
        assert_eq!(called('\u{3000}'), "white space (U+3000)");
        assert_eq!(called(';'), "`;`");
    }
}
