//! Files that are as they should be.

use super::*;

#[test]
fn rows_come_as_they_were_written() {
    let batches = [rows(10_000), rows(1), rows(3_333)];
    let want = shown(&batches);
    let files = Files::new();
    for format in FORMATS {
        let read = files.read(&written(&batches, format), format).expect("rows");
        assert_eq!(shown(&read), want, "{format:?}");
        assert!(read.iter().all(|batch| batch.num_rows() <= limits::BATCH_ROWS), "{format:?}");
    }
}

#[test]
fn every_compression_is_known() {
    let batch = rows(2_000);
    let want = shown(std::slice::from_ref(&batch));
    let files = Files::new();
    for compression in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        for format in [BatchFormat::ArrowStream, BatchFormat::ArrowFile] {
            let bytes = ipc(std::slice::from_ref(&batch), format, Some(compression));
            assert_eq!(shown(&files.read(&bytes, format).expect("rows")), want, "{compression:?} {format:?}");
        }
    }
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ] {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let bytes = parquet(std::slice::from_ref(&batch), properties);
        assert_eq!(shown(&files.read(&bytes, BatchFormat::Parquet).expect("rows")), want, "{compression:?}");
    }
}

#[test]
fn data_of_a_message_is_a_stream_in_base64() {
    use base64::Engine as _;
    let batch = rows(100);
    let bytes = ipc(std::slice::from_ref(&batch), BatchFormat::ArrowStream, None);
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    assert_eq!(shown(&all(Source::inline(Inline::decode(&text)).expect("a stream")).expect("rows")), shown(&[batch]));
    for (text, want) in [
        ("AAA*", "the data of the message: it is not base64"),
        ("", "the data of the message: it ends without the marker of its end"),
        ("UEFSMQAA", "the data of the message: it is not an arrow_stream but parquet"),
    ] {
        let error = Source::inline(Inline::decode(text)).err().expect(text);
        assert!(error.message().starts_with(want), "{error}");
        assert_eq!(error.kind(), ErrorKind::Batch);
    }
}

#[test]
fn columns_that_nobody_wants_are_left_out() {
    let files = Files::new();
    let batch = rows(2_500);
    for format in FORMATS {
        for wanted in [&["word", "n"][..], &["list"], &[], &["n", "text", "list", "word", "amount"]] {
            let url = files.write(&written(std::slice::from_ref(&batch), format));
            let mut source = Source::file(&url, format, &files.roots).expect("a file");
            source.project(|name| wanted.contains(&name));
            assert_eq!(source.schema().fields().len(), wanted.len());
            let read = all(source).expect("rows");
            assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 2_500, "{format:?} {wanted:?}");
            assert!(read.iter().all(|batch| batch.num_columns() == wanted.len()));
            let positions: Vec<usize> =
                (0..5).filter(|&i| wanted.contains(&batch.schema().field(i).name().as_str())).collect();
            if !wanted.is_empty() {
                let projected = batch.project(&positions).expect("columns");
                assert_eq!(shown(&read), shown(&[projected]), "{format:?} {wanted:?}");
            }
        }
    }
}

#[test]
fn a_file_without_rows_has_its_columns() {
    let files = Files::new();
    for format in FORMATS {
        let url = files.write(&written(&[rows(0)], format));
        let source = Source::file(&url, format, &files.roots).expect("a file");
        assert_eq!(source.schema().fields().len(), 5, "{format:?}");
        assert_eq!(all(source).expect("no rows").iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    }
}

#[test]
fn dictionaries_may_change_and_grow_within_a_stream() {
    let word = |words: &[&str]| {
        let words: DictionaryArray<arrow::datatypes::Int8Type> = words.iter().copied().collect();
        RecordBatch::try_from_iter([("w", Arc::new(words) as ArrayRef)]).expect("a column")
    };
    let batches = [word(&["a", "b", "a"]), word(&["a", "b", "c"]), word(&["x", "a"])];
    let bytes = ipc(&batches, BatchFormat::ArrowStream, None);
    let read = Files::new().read(&bytes, BatchFormat::ArrowStream).expect("rows");
    assert_eq!(shown(&read), ["a", "b", "a", "a", "b", "c", "x", "a"]);
}

#[test]
fn old_timestamps_of_spark_reach_beyond_2262() {
    use parquet_crate::data_type::{Int96, Int96Type};
    use parquet_crate::file::writer::SerializedFileWriter;
    let schema =
        parquet_crate::schema::parser::parse_message_type("message m { required int96 at; }").expect("a schema");
    let mut out = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut out, Arc::new(schema), Arc::new(WriterProperties::new())).expect("a writer");
    let mut group = writer.next_row_group().expect("a row group");
    let mut column = group.next_column().expect("a column").expect("the only one");
    let mut far = Int96::new();
    // 9999-12-31, a Julian day, and no nanoseconds.
    far.set_data(0, 0, 5_373_484);
    column.typed::<Int96Type>().write_batch(&[far], None, None).expect("a value");
    column.close().expect("a column");
    group.close().expect("a row group");
    writer.close().expect("a file");
    let read = Files::new().read(&out, BatchFormat::Parquet).expect("rows");
    assert_eq!(shown(&read), ["9999-12-31T00:00:00"]);
}

/// A Parquet file without Arrow's schema, of one row.
fn foreign(schema: &str, row: &[u8]) -> Vec<u8> {
    use parquet_crate::data_type::{ByteArrayType, FixedLenByteArrayType};
    let schema = Arc::new(parquet_crate::schema::parser::parse_message_type(schema).expect("a schema"));
    let mut out = Vec::new();
    let mut writer =
        parquet_crate::file::writer::SerializedFileWriter::new(&mut out, schema, Default::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    while let Some(mut column) = group.next_column().expect("a column") {
        match column.untyped() {
            parquet_crate::column::writer::ColumnWriter::ByteArrayColumnWriter(_) => {
                column.typed::<ByteArrayType>().write_batch(&[row.to_vec().into()], Some(&[1]), Some(&[0]))
            }
            _ => column.typed::<FixedLenByteArrayType>().write_batch(
                &[parquet_crate::data_type::ByteArray::from(row.to_vec()).into()],
                Some(&[1]),
                Some(&[0]),
            ),
        }
        .expect("a value");
        column.close().expect("an end");
    }
    group.close().expect("an end");
    writer.close().expect("an end");
    out
}

#[test]
fn what_parquet_knows_to_be_a_uuid_or_json_is_one() {
    let files = Files::new();
    let kinds = |schema: &str, row: &[u8]| {
        let source =
            Source::file(&files.write(&foreign(schema, row)), BatchFormat::Parquet, &files.roots).expect("a file");
        let kind = crate::types::arrow::column_type(source.schema().field(0)).expect("a type");
        let read = all(source).expect("rows");
        assert_eq!(crate::types::arrow::column_type(read[0].schema().field(0)).expect("a type"), kind);
        format!("{kind:?}")
    };
    let uuid = [7; 16];
    assert_eq!(kinds("message m { optional fixed_len_byte_array(16) u (UUID); }", &uuid), "Uuid");
    assert_eq!(kinds("message m { optional fixed_len_byte_array(16) u; }", &uuid), "Bytes");
    assert_eq!(kinds("message m { optional binary j (JSON); }", b"{}"), "Json");
    assert_eq!(kinds("message m { optional binary j (UTF8); }", b"{}"), "String");
}

#[test]
fn intervals_of_parquet_keep_their_months() {
    // Alone and within others, in a schema that has other things to keep.
    for schema in [
        "message m { optional fixed_len_byte_array(12) i (INTERVAL); }",
        "message m { required group g { optional fixed_len_byte_array(12) i (INTERVAL); } }",
        "message m { required group l (LIST) { repeated group list { required fixed_len_byte_array(12) element (INTERVAL); } } }",
    ] {
        let bytes = foreign(schema, &[1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0xff]);
        let rows = Files::new().read(&bytes, BatchFormat::Parquet).expect("rows");
        assert!(shown(&rows)[0].contains("0100000002000000000000ff"), "{:?}", shown(&rows));
        let mut field = rows[0].schema_ref().field(0).clone();
        while let DataType::Struct(_) | DataType::List(_) = field.data_type() {
            field = match field.data_type() {
                DataType::Struct(fields) => fields[0].as_ref().clone(),
                DataType::List(element) => element.as_ref().clone(),
                _ => unreachable!("others have no fields"),
            };
        }
        assert_eq!(field.metadata().get("ARROW:extension:name").map(String::as_str), Some("parquet.interval"));
    }
    // Those that Arrow wrote can be negative.
    let months: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![-14]));
    let batch = RecordBatch::try_from_iter([("i", months)]).expect("a column");
    let rows =
        Files::new().read(&parquet(&[batch], WriterProperties::builder().build()), BatchFormat::Parquet).expect("rows");
    assert_eq!(shown(&rows), ["f2ffffff0000000000000000"]);
    let field = rows[0].schema_ref().field(0).clone();
    assert_eq!(field.metadata().get("ARROW:extension:name").map(String::as_str), Some("parquet.signed_interval"));
}
