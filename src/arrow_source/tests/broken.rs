//! Files that are cut off, changed or something else: an error, and never other rows.

use super::*;

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let files = Files::new();
    for format in FORMATS {
        let whole = written(&[rows(300), rows(200)], format);
        for length in 1..whole.len() {
            if length % 31 != 0 && length > 64 && length + 64 < whole.len() {
                continue;
            }
            let outcome = files.read(&whole[..length], format);
            assert!(outcome.is_err(), "{format:?}: {length} bytes of {}", whole.len());
        }
    }
}

#[test]
fn a_changed_byte_never_gets_out_of_the_reader() {
    let files = Files::new();
    for format in FORMATS {
        let whole = match format {
            BatchFormat::Parquet => {
                parquet(&[rows(40)], WriterProperties::builder().set_compression(Compression::SNAPPY).build())
            }
            _ => ipc(&[rows(40)], format, Some(CompressionType::ZSTD)),
        };
        for at in (0..whole.len()).step_by(3) {
            let mut changed = whole.clone();
            for byte in [whole[at] ^ 1, whole[at] ^ 0x80, 0xFF, 0] {
                changed[at] = byte;
                // Values may differ, since only Parquet has checksums; what they say of themselves must hold.
                for batch in files.read(&changed, format).into_iter().flatten() {
                    batch.columns().iter().for_each(|column| column.to_data().validate_full().expect("valid arrays"));
                }
            }
        }
    }
}

#[test]
fn what_is_wrong_is_said() {
    let files = Files::new();
    let batch = rows(2_000);
    let one = std::slice::from_ref(&batch);
    let [stream, file, parquet] = FORMATS.map(|format| written(one, format));
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    use BatchFormat::{ArrowFile, ArrowStream, Parquet};
    use ErrorKind::{Batch, Input};
    let mut without_end = stream.clone();
    without_end.truncate(stream.len() - 8);
    let cases: Vec<(&[u8], BatchFormat, ErrorKind, &str)> = vec![
        (b"", ArrowStream, Batch, "it is empty"),
        (b"a,b\n1,2\n", ArrowStream, Batch, "it is not an arrow_stream"),
        (b"a,b\n1,2\n", ArrowFile, Batch, "it is not an arrow_file"),
        (b"a,b\n1,2\n", Parquet, Batch, "it is not parquet"),
        (&parquet, ArrowStream, Batch, "it is not an arrow_stream but parquet"),
        (&file, ArrowStream, Batch, "it is not an arrow_stream but an arrow_file"),
        (&stream, ArrowFile, Batch, "it is not an arrow_file but an arrow_stream"),
        (&stream, Parquet, Batch, "it is not parquet"),
        (b"PARE0000PARE", Parquet, Batch, "it is encrypted"),
    ];
    for (bytes, format, kind, want) in cases {
        let (found, text) = files.failure(bytes, format);
        assert!(found == kind && text.starts_with(want), "{format:?}: {found:?} {text}");
    }
    for (bytes, format, kind, want) in [
        (half(&stream), ArrowStream, Input, "it is cut off"),
        (half(&file), ArrowFile, Batch, "it is cut off"),
        (half(&parquet), Parquet, Batch, "it is cut off"),
        (without_end, ArrowStream, Input, "it ends without the marker of its end"),
        ([stream.clone(), stream].concat(), ArrowStream, Input, "something follows behind its end"),
    ] {
        let (found, text) = files.failure(&bytes, format);
        assert!(found == kind && text.starts_with(want), "{format:?}: {found:?} {text}");
    }
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_its_column() {
    let texts = StringArray::from_iter_values((0..1_000).map(|n| format!("needle {n}")));
    let numbers = Int32Array::from_iter_values(0..1_000);
    let batch =
        RecordBatch::try_from_iter([("a", Arc::new(numbers) as ArrayRef), ("b", Arc::new(texts))]).expect("columns");
    let files = Files::new();
    for format in FORMATS {
        let mut bytes = match format {
            BatchFormat::Parquet => {
                parquet(std::slice::from_ref(&batch), WriterProperties::builder().set_dictionary_enabled(false).build())
            }
            _ => ipc(std::slice::from_ref(&batch), format, None),
        };
        let at = bytes.windows(10).position(|window| window == b"needle 500").expect("the value");
        bytes[at] = 0xFF;
        let (kind, text) = files.failure(&bytes, format);
        assert_eq!(
            (kind, text.as_str()),
            (ErrorKind::Input, "column \"b\": it is corrupt: write it again"),
            "{format:?}"
        );
    }
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let one: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let schema = Schema::new(vec![Field::new("a", DataType::Int32, false), Field::new("a", DataType::Int32, false)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(&one), one]).expect("columns");
    let files = Files::new();
    for format in [BatchFormat::ArrowStream, BatchFormat::ArrowFile] {
        let (kind, text) = files.failure(&ipc(std::slice::from_ref(&batch), format, None), format);
        assert_eq!(
            (kind, text.as_str()),
            (ErrorKind::Batch, "it has two columns of the name \"a\": rename one of them")
        );
    }
}

#[test]
fn a_broken_dictionary_is_no_other_columns() {
    let words: DictionaryArray<arrow::datatypes::Int32Type> = ["needle 1", "needle 2"].into_iter().collect();
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let batch = RecordBatch::try_from_iter([("a", numbers), ("b", Arc::new(words) as ArrayRef)]).expect("columns");
    let mut bytes = ipc(&[batch], BatchFormat::ArrowStream, None);
    let at = bytes.windows(8).position(|window| window == b"needle 1").expect("the value");
    bytes[at] = 0xFF;
    let (_, text) = Files::new().failure(&bytes, BatchFormat::ArrowStream);
    assert_eq!(text, "it is corrupt: write it again");
}
