//! A code as a QR code in the terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The QR code, two rows of modules a line. A terminal gets its colours too: black on white, whatever it is set to.
///
/// The lowest error correction: a lit screen has no stains, and larger modules are read from further away.
pub fn text(code: &str, is_terminal: bool) -> Option<String> {
    let image = QrCode::with_error_correction_level(code, EcLevel::L).ok()?;
    let image = image.render::<Dense1x2>().build();
    if !is_terminal {
        return Some(image);
    }
    let lines: Vec<String> = image.lines().map(|line| format!("\x1b[30;107m{line}\x1b[0m")).collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_and_digits_take_little_room() {
        let (capital, small) = (text(&"A1".repeat(165), false).unwrap(), text(&"a1".repeat(165), false).unwrap());
        // Version 9 (335 capitals and digits), 53 modules and a quiet zone of 4 on each side; in bytes it is version 11.
        assert_eq!(capital.lines().next().unwrap().chars().count(), 53 + 8);
        assert_eq!(capital.lines().count(), (53 + 8_usize).div_ceil(2));
        assert!(small.lines().count() > capital.lines().count());
    }
}
