/// A field that is not a whole number: its place in the line, counted from 0, and its text as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadField {
    pub index: usize,
    pub value: String,
}

/// The fields of one line of user input as whole numbers.
pub fn parse_fields(fields: &[&str]) -> Result<Vec<i64>, BadField> {
    let mut numbers = Vec::new();
    for s in fields {
        numbers.push(s.parse().unwrap());
    }
    Ok(numbers)
}
