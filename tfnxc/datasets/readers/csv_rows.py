"""The lines of a CSV file that lists pictures."""

import csv

from tfnxc.errors import InputError


def csv_rows(path, needed, known):
    """The lines of a CSV file, whose first line names its columns; raises `InputError` with the number of a bad line.

    The columns `needed` say something in every line, those that are `known` may; each may be there once.

    Yields:
        `(number of the line, {column: text})` for each line that is not empty, texts without blanks around them.
    """
    reader = None
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _check_header(path, header, needed, known)
            for fields in reader:
                if fields:
                    yield reader.line_num, _row(f"{path}, line {reader.line_num}", fields, header, needed)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); expected a CSV file.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not in UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8.") from None
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV ({error}).") from None


def _check_header(path, header, needed, known):
    missing = [column for column in needed if column not in header]
    if missing:
        raise InputError(
            f"{path}: no column {' and no column '.join(missing)}; expected a first line that names the columns, such "
            f"as {','.join(needed)}; got {','.join(header) or 'nothing'}."
        )
    twice = [column for column in (*needed, *known) if header.count(column) > 1]
    if twice:
        raise InputError(f"{path}: two columns are called {twice[0]}; rename one of them.")


def _row(place, fields, header, needed):
    if len(fields) != len(header):
        raise InputError(
            f"{place}: {len(fields)} fields; expected {len(header)}, as the header has. Put quotation marks around a "
            "text with a comma."
        )
    row = dict(zip(header, map(str.strip, fields), strict=True))
    for column in needed:
        if not row[column]:
            raise InputError(f"{place}: no {column}; expected one in every line.")
    return row
