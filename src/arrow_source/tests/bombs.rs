//! Small files that say they are large, or are.

use arrow::array::StructArray;

use super::*;
use crate::arrow_source::thrift;

#[test]
fn a_length_that_is_stated_is_not_believed() {
    let files = Files::new();
    // A message of 1 GiB - 8, a body of any size: neither is there.
    let mut header = vec![0xFF; 4];
    header.extend((60_i32 << 20).to_le_bytes());
    header.extend([0; 100]);
    assert_eq!(files.failure(&header, BatchFormat::ArrowStream).1, "it is cut off: it ends before its contents do");
    header[4..8].copy_from_slice(&i32::MAX.to_le_bytes());
    assert_eq!(files.failure(&header, BatchFormat::ArrowStream).0, ErrorKind::Batch);
}

#[test]
fn a_compressed_buffer_that_states_too_much_is_refused() {
    // A length in front of each compressed buffer: the first is that of the values.
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 100_000]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).expect("a column");
    for format in [BatchFormat::ArrowStream, BatchFormat::ArrowFile] {
        let mut bytes = ipc(std::slice::from_ref(&batch), format, Some(CompressionType::ZSTD));
        let stated = 800_000_i64.to_le_bytes();
        let at = bytes.windows(8).position(|window| window == stated).expect("the length");
        bytes[at..at + 8].copy_from_slice(&(1_i64 << 40).to_le_bytes());
        let (kind, text) = Files::new().failure(&bytes, format);
        assert_eq!(kind, ErrorKind::Input);
        assert!(text.contains("a record batch is larger than this connector accepts"), "{text}");
    }
}

/// A page of that compression whose header states one size and whose contents have another.
fn page(compression: Compression, contents: &[u8], uncompressed: i32) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).set_dictionary_enabled(false).build();
    // Something that takes its place in the file however it is compressed.
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(5_000).collect();
    let value: ArrayRef = Arc::new(BinaryArray::from_iter_values([noise]));
    let batch = RecordBatch::try_from_iter([("b", value)]).expect("a column");
    let mut bytes = parquet(&[batch], properties);
    // The column chunk's page is put in place of the one that is there; only the footer's offsets stay true.
    let metadata = {
        let options = parquet_crate::file::reader::SerializedFileReader::<bytes::Bytes>::new(bytes.clone().into())
            .expect("a file");
        parquet_crate::file::reader::FileReader::metadata(&options).clone()
    };
    let (start, length) = metadata.row_group(0).column(0).byte_range();
    let mut page = vec![0x15, 0x00, 0x15];
    varint(i64::from(uncompressed), &mut page);
    page.push(0x15);
    varint(contents.len() as i64, &mut page);
    // The data page's own header: one value, PLAIN, levels as RLE.
    page.extend([0x2C, 0x15, 0x02, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00]);
    page.extend(contents);
    assert!(page.len() <= length as usize, "{} bytes are too many for {length}", page.len());
    page.resize(length as usize, 0);
    bytes[start as usize..(start + length) as usize].copy_from_slice(&page);
    bytes
}

fn varint(number: i64, out: &mut Vec<u8>) {
    let mut left = (number << 1) as u64;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[test]
fn a_page_that_states_too_much_is_refused() {
    let files = Files::new();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
        let bytes = page(compression, &[0; 20], i32::MAX);
        let (kind, text) = files.failure(&bytes, BatchFormat::Parquet);
        assert_eq!(kind, ErrorKind::Input);
        assert!(text.starts_with("column \"b\": a page is larger than this connector accepts (512 MiB)"), "{text}");
    }
}

#[test]
fn a_page_that_brings_forth_more_than_it_states_is_refused() {
    use std::io::Write;
    // 640 MiB of zeros in a kilobyte.
    let mut bomb = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 5, 24);
    let zeros = vec![0; 16 << 20];
    for _ in 0..40 {
        bomb.write_all(&zeros).expect("memory");
    }
    let bytes = page_of(Compression::BROTLI(Default::default()), &bomb.into_inner());
    let (_, text) = Files::new().failure(&bytes, BatchFormat::Parquet);
    assert!(text.starts_with("column \"b\": a page is larger than this connector accepts (512 MiB)"), "{text}");
}

fn page_of(compression: Compression, contents: &[u8]) -> Vec<u8> {
    page(compression, contents, 6_000)
}

/// A footer of groups, one within the other, each with one child; `child` says so.
fn nested(levels: usize, child: &[u8]) -> Vec<u8> {
    let mut footer = vec![0x15, 0x02];
    footer.extend(schema(levels, child));
    footer.push(0x00);
    footer
}

/// The field with these groups.
fn schema(levels: usize, child: &[u8]) -> Vec<u8> {
    let mut field = vec![0x19, 0xFC];
    let mut left = levels as u64;
    while left >= 0x80 {
        field.push(left as u8 | 0x80);
        left >>= 7;
    }
    field.push(left as u8);
    for level in 1..=levels {
        // name "g", one child but for the last
        field.extend([0x48, 0x01, b'g']);
        if level < levels {
            field.extend(child);
        }
        field.push(0x00);
    }
    field
}

const ONE_CHILD: &[u8] = &[0x15, 0x02];

fn footer_failure(footer: &[u8]) -> (ErrorKind, String) {
    let mut file = b"PAR1".to_vec();
    file.extend(footer);
    file.extend((footer.len() as u32).to_le_bytes());
    file.extend(b"PAR1");
    Files::new().failure(&file, BatchFormat::Parquet)
}

#[test]
fn a_schema_of_endless_nesting_is_refused() {
    assert_eq!(thrift::footer(&nested(41, ONE_CHILD)).expect("a footer").depth, 40);
    let (kind, text) = footer_failure(&nested(1_000_000, ONE_CHILD));
    assert_eq!((kind, text.as_str()), (ErrorKind::Batch, "it is nested deeper than 50 levels"));
}

#[test]
fn a_schema_that_hides_its_nesting_is_refused() {
    let deep = |child: &[u8]| nested(1_000_000, child);
    // Two schemas: the second one has no levels.
    let mut twice = deep(ONE_CHILD);
    twice.pop();
    // Field 2 again, with its number written out.
    twice.extend([0x09, 0x04, 0x0C, 0x00]);
    // A schema that is a set.
    let mut set = deep(ONE_CHILD);
    set[2] = 0x1A;
    let cases = [
        // Children that are a 64-bit number, or a byte, or 2^32 + 1.
        deep(&[0x16, 0x02]),
        deep(&[0x13, 0x02]),
        deep(&[0x15, 0x82, 0x80, 0x80, 0x80, 0x20]),
        // Twice: first one child, then none.
        deep(&[0x15, 0x02, 0x05, 0x0A, 0x00]),
        // What follows the name is part of a logical type whose scale is said to be a text.
        deep(&[0x6C, 0x5C, 0x18, 0x00, 0x00, 0x00]),
        twice,
        set,
    ];
    for footer in cases {
        assert!(thrift::footer(&footer).is_err(), "{:x?}", &footer[..30]);
        let (kind, text) = footer_failure(&footer);
        assert_eq!((kind, text.as_str()), (ErrorKind::Batch, "it is corrupt: write it again"), "{:x?}", &footer[..30]);
    }
}

#[test]
fn more_children_than_there_are_elements_are_refused() {
    // 2^31 - 1 children, and fewer than none.
    for child in [[0x15, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F].as_slice(), &[0x15, 0x01], &[0x15, 0x04]] {
        assert!(thrift::footer(&nested(2, child)).is_err(), "{child:x?}");
        assert_eq!(footer_failure(&nested(2, child)).1, "it is corrupt: write it again");
    }
}

#[test]
fn the_header_of_a_page_says_its_size_once() {
    let header = |rest: &[u8]| thrift::page_bytes(&[&[0x15, 0x00, 0x15, 0x14, 0x15, 0x14], rest].concat());
    assert_eq!(header(&[0x2C, 0x15, 0x02, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00]).expect("a header"), 10);
    // Field 2 again; a size of 64 bits; no end; a header of a data page that is a text.
    assert!(header(&[0x05, 0x04, 0xFE, 0xFF, 0xFF, 0xFF, 0x0F, 0x00]).is_err());
    assert!(thrift::page_bytes(&[0x15, 0x00, 0x16, 0x14, 0x15, 0x14, 0x00]).is_err());
    assert!(header(&[]).is_err());
    assert!(header(&[0x28, 0x00, 0x00]).is_err());
}

#[test]
fn a_page_may_have_long_statistics() {
    // The least and the greatest value of the page have 100,000 bytes each.
    let properties = WriterProperties::builder()
        .set_statistics_enabled(parquet_crate::file::properties::EnabledStatistics::Page)
        .set_write_page_header_statistics(true)
        .set_statistics_truncate_length(None)
        .build();
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(["a", "b"].map(|text| text.repeat(100_000))));
    let batch = RecordBatch::try_from_iter([("t", texts)]).expect("a column");
    let bytes = parquet(std::slice::from_ref(&batch), properties);
    // In the page, in the footer, and in the header.
    assert!(bytes.len() > 600_000, "{} bytes are too few", bytes.len());
    let read = Files::new().read(&bytes, BatchFormat::Parquet).expect("rows");
    assert_eq!(shown(&read), shown(&[batch]));
}

#[test]
fn a_block_whose_metadata_are_too_long_is_refused() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 10]));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).expect("a column");
    let bytes = ipc(&[batch], BatchFormat::ArrowFile, None);
    let tail = bytes.len() - 10;
    let footer = i32::from_le_bytes(bytes[tail..tail + 4].try_into().expect("a length")) as usize;
    let (body, footer) = bytes[..tail].split_at(tail - footer);
    let block = *arrow::ipc::root_as_footer(footer).expect("a footer").recordBatches().expect("a batch").get(0);
    let longer = arrow::ipc::Block::new(block.offset(), block.metaDataLength() + (65 << 20), block.bodyLength());
    let at = footer.windows(24).position(|window| window == block.0).expect("the block");
    let mut footer = footer.to_vec();
    footer[at..at + 24].copy_from_slice(&longer.0);
    let file = [body, &vec![0; 66 << 20], &footer, &bytes[tail..]].concat();
    let (_, text) = Files::new().failure(&file, BatchFormat::ArrowFile);
    assert!(text.contains("a message is larger than this connector accepts"), "{text}");
}

#[test]
fn a_footer_tells_that_columns_are_encrypted() {
    // version 1, no schema elements, field 8 an empty union
    assert!(thrift::footer(&[0x15, 0x02, 0x19, 0x0C, 0x6C, 0x00, 0x00]).expect("a footer").encrypted);
    assert!(!thrift::footer(&[0x15, 0x02, 0x19, 0x0C, 0x00]).expect("a footer").encrypted);
}

#[test]
fn all_formats_have_one_limit_of_nesting() {
    /// A column of so many levels.
    fn deep(levels: usize, lists: bool) -> RecordBatch {
        let mut array: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        for _ in 0..levels {
            let field = Arc::new(Field::new_list_field(array.data_type().clone(), true));
            array = match lists {
                true => Arc::new(ListArray::new(field, arrow::buffer::OffsetBuffer::from_lengths([1]), array, None)),
                false => Arc::new(StructArray::from(vec![(field, array)])),
            };
        }
        RecordBatch::try_from_iter([("deep", array)]).expect("a column")
    }
    let files = Files::new();
    for (levels, fits) in [(limits::ARROW_DEPTH, true), (limits::ARROW_DEPTH + 1, false), (90, false), (150, false)] {
        for (format, lists) in FORMATS.into_iter().flat_map(|format| [(format, true), (format, false)]) {
            // What writes it needs more room than what reads it.
            let writer = std::thread::Builder::new().stack_size(64 << 20);
            let bytes = writer.spawn(move || written(&[deep(levels, lists)], format)).expect("a thread").join();
            let outcome = files.read(&bytes.expect("a file"), format);
            if fits {
                assert_eq!(shown(&outcome.expect("rows")).len(), 1, "{format:?}");
            } else {
                let error = outcome.expect_err("it is too deep");
                assert!(error.message().ends_with("it is nested deeper than 50 levels"), "{format:?}: {error}");
                assert_eq!(error.kind(), ErrorKind::Batch);
            }
        }
    }
}

/// Columns of two pages, of which the second is large, and each column's begins in another record batch.
#[test]
fn pages_that_are_held_count_until_they_are_let_go() {
    const COLUMNS: usize = 8;
    const LARGE: usize = 64 << 10;
    let rows = limits::BATCH_ROWS * 2 * COLUMNS;
    let mut properties = WriterProperties::builder().set_dictionary_enabled(false).set_compression(Compression::SNAPPY);
    let mut columns = Vec::new();
    for column in COLUMNS..2 * COLUMNS {
        let at = limits::BATCH_ROWS * column;
        let values = (0..rows).map(|row| (row == at).then(|| "x".repeat(LARGE)));
        let name = format!("c{column}");
        properties = properties.set_column_data_page_row_count_limit(name.as_str().into(), at);
        columns.push((name, Arc::new(StringArray::from_iter(values)) as ArrayRef));
    }
    let batch = RecordBatch::try_from_iter(columns).expect("columns");
    let properties = properties.build();
    let files = Files::new();
    files.write(&parquet(&[batch], properties));
    let read = |most: usize| {
        let file = fs::File::open(files.path("rows")).expect("a file");
        let (_, mut source) = super::super::parquet::open_within(file, most as u64, 0).expect("parquet");
        let mut seen = 0;
        while let Some(batch) = source.next().map_err(|fault| fault.to_string())? {
            seen += batch.num_rows();
        }
        Ok::<usize, String>(seen)
    };
    assert_eq!(read((COLUMNS + 2) * LARGE), Ok(rows));
    // Each record batch alone has room.
    let text = read((COLUMNS - 2) * LARGE).expect_err("too much is held");
    assert_eq!(text, "its pages take more than 0 MiB at once: write smaller pages");
}
