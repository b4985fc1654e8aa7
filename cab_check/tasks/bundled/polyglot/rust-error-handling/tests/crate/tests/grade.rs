//! Each test calls the solution and says on stderr what came back. It does not know the right answer: whoever grades
//! compares with `answers.tsv`, so that nothing linked into this process can pass by reading or by claiming.

mod tests {
    use fields::parse_fields;
    use std::io::Write;

    fn show(fields: &[&str]) -> String {
        match parse_fields(fields) {
            Ok(numbers) => format!("{numbers:?}"),
            Err(bad) => format!("field {} is {:?}", bad.index, bad.value),
        }
    }

    /// Not eprintln!, which the test harness captures.
    fn observe(text: String) {
        writeln!(std::io::stderr(), "\nobserved: {text}").expect("stderr is open");
    }

    #[test]
    fn happy_path() {
        observe(show(&["7", "42", "1800"]));
    }

    #[test]
    fn bad_input_reports_index_and_value() {
        observe([show(&["3", "4", "five", "6"]), show(&["x1", "y2"]), show(&["8", " 9"])].join("; "));
    }

    #[test]
    fn bad_input_does_not_panic() {
        let inputs = ["1.5", "", " ", "0x10", "--1", "9223372036854775808", "٣", "\u{0}"];
        observe(inputs.map(|input| show(&["1", input])).join("; "));
    }

    #[test]
    fn empty() {
        observe(show(&[]));
    }

    #[test]
    fn negative_numbers() {
        observe(show(&["-1", "0", "-9223372036854775808", "+5"]));
    }

    /// Must fail. Where it ends as if it had passed, the harness is no longer the one that was built.
    #[test]
    fn canary() {
        panic!("the canary fails, as it must, after {}", show(&["1"]));
    }
}
