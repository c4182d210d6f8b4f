/*
 * Goal: a cast gives exactly the same value in another kind, or refuses; what it
 * refuses it names without showing it.
 * Method: a table of cases over all pairs of kinds, with boundary numbers, days
 * that do not exist, zones, and the texts that other tools guess about; every pair
 * of kinds must be in it. Random numbers go through text and back.
 * covers: D3, D5
 */
// links: base flow conf plan
#include "base/number.h"
#include "lib/planvalue.h"
#include "lib/random.h"
#include "plan/convert.h"
#include "plan/transform.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* want: the result, or after a "!" a part of the reason why there is none. */
static const struct cast_case {
    const char *from;
    enum eff_kind to;
    const char *want;
} cases[] = {
    {"bool:1", EFF_BOOL, "bool:1"},
    {"bool:0", EFF_BOOL, "bool:0"},
    {"int:0", EFF_BOOL, "bool:0"},
    {"int:1", EFF_BOOL, "bool:1"},
    {"int:2", EFF_BOOL, "!only 0 and 1"},
    {"int:-1", EFF_BOOL, "!only 0 and 1"},
    {"float:1", EFF_BOOL, "bool:1"},
    {"float:0", EFF_BOOL, "bool:0"},
    {"float:-0.0", EFF_BOOL, "bool:0"},
    {"float:0.5", EFF_BOOL, "!only 0 and 1"},
    {"float:nan", EFF_BOOL, "!only 0 and 1"},
    {"float:inf", EFF_BOOL, "!only 0 and 1"},
    {"decimal:1.00", EFF_BOOL, "bool:1"},
    {"decimal:0.0", EFF_BOOL, "bool:0"},
    {"decimal:1e0", EFF_BOOL, "bool:1"},
    {"decimal:-0", EFF_BOOL, "bool:0"},
    {"decimal:2", EFF_BOOL, "!only 0 and 1"},
    {"decimal:1.01", EFF_BOOL, "!only 0 and 1"},
    {"text:true", EFF_BOOL, "bool:1"},
    {"text:false", EFF_BOOL, "bool:0"},
    {"text:TRUE", EFF_BOOL, "bool:1"},
    {"text:False", EFF_BOOL, "bool:0"},
    {"text:1", EFF_BOOL, "bool:1"},
    {"text:0", EFF_BOOL, "bool:0"},
    {"text:t", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:f", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:T", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:F", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:yes", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:no", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:Yes", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:y", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:n", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:on", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:off", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:  ", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text: true", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:true ", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:1.0", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:01", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:+1", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:-1", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:2", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:null", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:verdadero", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:wahr", EFF_BOOL, "!only true, false, 1 and 0"},
    {"text:\xe2\x9c\x93", EFF_BOOL, "!only true, false, 1 and 0"},
    {"json:true", EFF_BOOL, "bool:1"},
    {"json:false", EFF_BOOL, "bool:0"},
    {"json:1", EFF_BOOL, "bool:1"},
    {"json:0.0", EFF_BOOL, "bool:0"},
    {"json:2", EFF_BOOL, "!only 0 and 1"},
    {"json:\"true\"", EFF_BOOL, "bool:1"},
    {"json:\"yes\"", EFF_BOOL, "!only true"},
    {"json:null", EFF_BOOL, "null"},
    {"json:[]", EFF_BOOL, "!an array or an object"},
    {"json:{}", EFF_BOOL, "!an array or an object"},
    {"bytes:1", EFF_BOOL, "!bytes to boolean"},
    {"date:2026-01-31", EFF_BOOL, "!date to boolean"},
    {"time:00:00:00", EFF_BOOL, "!time to boolean"},
    {"datetime:2026-01-31T00:00:00", EFF_BOOL, "!datetime to boolean"},
    {"instant:2026-01-31T00:00:00Z", EFF_BOOL, "!timestamp to boolean"},
    {"null", EFF_BOOL, "null"},
    {"absent", EFF_BOOL, "absent"},
    {"bad:too large", EFF_BOOL, "!too large"},
    {"int:5", EFF_INT, "int:5"},
    {"bool:1", EFF_INT, "int:1"},
    {"bool:0", EFF_INT, "int:0"},
    {"float:5", EFF_INT, "int:5"},
    {"float:-0.0", EFF_INT, "int:0"},
    {"float:5.5", EFF_INT, "!fraction"},
    {"float:1e-300", EFF_INT, "!fraction"},
    {"float:9007199254740991", EFF_INT, "int:9007199254740991"},
    {"float:9007199254740993", EFF_INT, "int:9007199254740992"},
    {"float:9223372036854774784", EFF_INT, "int:9223372036854774784"},
    {"float:9223372036854775808", EFF_INT, "!64 bits"},
    {"float:-9223372036854775808", EFF_INT, "int:-9223372036854775808"},
    {"float:-9223372036854777856", EFF_INT, "!64 bits"},
    {"float:1e300", EFF_INT, "!64 bits"},
    {"float:4503599627370495.5", EFF_INT, "!fraction"},
    {"float:nan", EFF_INT, "!not a number"},
    {"float:inf", EFF_INT, "!not a number"},
    {"float:-inf", EFF_INT, "!not a number"},
    {"decimal:5", EFF_INT, "int:5"},
    {"decimal:5.00", EFF_INT, "int:5"},
    {"decimal:5.01", EFF_INT, "!fraction"},
    {"decimal:-7", EFF_INT, "int:-7"},
    {"decimal:9223372036854775807", EFF_INT, "int:9223372036854775807"},
    {"decimal:9223372036854775808", EFF_INT, "!64 bits"},
    {"decimal:-9223372036854775808", EFF_INT, "int:-9223372036854775808"},
    {"decimal:-9223372036854775809", EFF_INT, "!64 bits"},
    {"decimal:18446744073709551615", EFF_INT, "!64 bits"},
    {"decimal:99999999999999999999999999999999999999", EFF_INT, "!64 bits"},
    {"decimal:1e18", EFF_INT, "int:1000000000000000000"},
    {"decimal:1e19", EFF_INT, "!64 bits"},
    {"decimal:1e500", EFF_INT, "!too many digits"},
    {"decimal:1e-500", EFF_INT, "!too many digits"},
    {"decimal:0e500", EFF_INT, "int:0"},
    {"decimal:x", EFF_INT, "!not a number"},
    {"text:5", EFF_INT, "int:5"},
    {"text:-5", EFF_INT, "int:-5"},
    {"text:+5", EFF_INT, "int:5"},
    {"text:007", EFF_INT, "int:7"},
    {"text:1e3", EFF_INT, "int:1000"},
    {"text:1E3", EFF_INT, "int:1000"},
    {"text:1.0", EFF_INT, "int:1"},
    {"text:5.", EFF_INT, "int:5"},
    {"text:.5", EFF_INT, "!fraction"},
    {"text:1.5", EFF_INT, "!fraction"},
    {"text:9007199254740993", EFF_INT, "int:9007199254740993"},
    {"text:9223372036854775807", EFF_INT, "int:9223372036854775807"},
    {"text:9223372036854775808", EFF_INT, "!64 bits"},
    {"text:-0", EFF_INT, "int:0"},
    {"text:", EFF_INT, "!not a number"},
    {"text: ", EFF_INT, "!not a number"},
    {"text:abc", EFF_INT, "!not a number"},
    {"text: 5", EFF_INT, "!not a number"},
    {"text:5 ", EFF_INT, "!not a number"},
    {"text:1,000", EFF_INT, "!not a number"},
    {"text:1 000", EFF_INT, "!not a number"},
    {"text:1_000", EFF_INT, "!not a number"},
    {"text:0x10", EFF_INT, "!not a number"},
    {"text:0b1", EFF_INT, "!not a number"},
    {"text:5a", EFF_INT, "!not a number"},
    {"text:--5", EFF_INT, "!not a number"},
    {"text:1.2.3", EFF_INT, "!not a number"},
    {"text:NaN", EFF_INT, "!not a number"},
    {"text:Infinity", EFF_INT, "!not a number"},
    {"text:inf", EFF_INT, "!not a number"},
    {"text:null", EFF_INT, "!not a number"},
    {"text:$5", EFF_INT, "!not a number"},
    {"text:5%", EFF_INT, "!not a number"},
    {"text:1/2", EFF_INT, "!not a number"},
    {"text:\xd9\xa1", EFF_INT, "!not a number"},
    {"text:e5", EFF_INT, "!not a number"},
    {"text:1e", EFF_INT, "!not a number"},
    {"text:true", EFF_INT, "!not a number"},
    {"json:5", EFF_INT, "int:5"},
    {"json:5.0", EFF_INT, "int:5"},
    {"json:1e2", EFF_INT, "int:100"},
    {"json:5.5", EFF_INT, "!fraction"},
    {"json:\"5\"", EFF_INT, "int:5"},
    {"json:\"x\"", EFF_INT, "!not a number"},
    {"json:true", EFF_INT, "int:1"},
    {"json:null", EFF_INT, "null"},
    {"json:[5]", EFF_INT, "!an array or an object"},
    {"json:9223372036854775808", EFF_INT, "!64 bits"},
    {"json:{", EFF_INT, "!not valid json"},
    {"bytes:5", EFF_INT, "!bytes to integer"},
    {"date:2026-01-31", EFF_INT, "!date to integer"},
    {"time:12:00:00", EFF_INT, "!time to integer"},
    {"datetime:2026-01-31T00:00:00", EFF_INT, "!datetime to integer"},
    {"instant:2026-01-31T00:00:00Z", EFF_INT, "!timestamp to integer"},
    {"null", EFF_INT, "null"},
    {"absent", EFF_INT, "absent"},
    {"float:0.1", EFF_FLOAT, "float:0.1"},
    {"float:nan", EFF_FLOAT, "float:NaN"},
    {"bool:1", EFF_FLOAT, "float:1"},
    {"bool:0", EFF_FLOAT, "float:0"},
    {"int:5", EFF_FLOAT, "float:5"},
    {"int:9007199254740992", EFF_FLOAT, "float:9007199254740992"},
    {"int:9007199254740993", EFF_FLOAT, "!lose digits"},
    {"int:-9007199254740993", EFF_FLOAT, "!lose digits"},
    {"int:9223372036854775807", EFF_FLOAT, "!lose digits"},
    {"int:-9223372036854775808", EFF_FLOAT, "!lose digits"},
    {"int:0", EFF_FLOAT, "float:0"},
    {"decimal:0.1", EFF_FLOAT, "float:0.1"},
    {"decimal:0.10", EFF_FLOAT, "float:0.1"},
    {"decimal:1e-7", EFF_FLOAT, "float:1e-7"},
    {"decimal:3.141592653589793", EFF_FLOAT, "float:3.141592653589793"},
    {"decimal:3.1415926535897932", EFF_FLOAT, "!lose digits"},
    {"decimal:0.1000000000000000055511151231257827", EFF_FLOAT, "!lose digits"},
    {"decimal:123456789012345678901234567890", EFF_FLOAT, "!lose digits"},
    {"decimal:1e300", EFF_FLOAT, "float:1e+300"},
    {"decimal:1e308", EFF_FLOAT, "float:1e+308"},
    {"decimal:1e309", EFF_FLOAT, "!lose digits"},
    {"decimal:1e400", EFF_FLOAT, "!too many digits"},
    {"decimal:5e-324", EFF_FLOAT, "float:5e-324"},
    {"decimal:1e-330", EFF_FLOAT, "!lose digits"},
    {"decimal:-0", EFF_FLOAT, "float:0"},
    {"decimal:9007199254740993", EFF_FLOAT, "!lose digits"},
    {"text:0.1", EFF_FLOAT, "float:0.1"},
    {"text:1e3", EFF_FLOAT, "float:1000"},
    {"text:-2.5", EFF_FLOAT, "float:-2.5"},
    {"text:.5", EFF_FLOAT, "float:0.5"},
    {"text:1e309", EFF_FLOAT, "!lose digits"},
    {"text:", EFF_FLOAT, "!not a number"},
    {"text: 1", EFF_FLOAT, "!not a number"},
    {"text:1,5", EFF_FLOAT, "!not a number"},
    {"text:NaN", EFF_FLOAT, "!not a number"},
    {"text:nan", EFF_FLOAT, "!not a number"},
    {"text:Infinity", EFF_FLOAT, "!not a number"},
    {"text:-Infinity", EFF_FLOAT, "!not a number"},
    {"text:inf", EFF_FLOAT, "!not a number"},
    {"text:0x1p3", EFF_FLOAT, "!not a number"},
    {"text:1f", EFF_FLOAT, "!not a number"},
    {"text:1d", EFF_FLOAT, "!not a number"},
    {"json:0.5", EFF_FLOAT, "float:0.5"},
    {"json:1e2", EFF_FLOAT, "float:100"},
    {"json:\"0.5\"", EFF_FLOAT, "float:0.5"},
    {"json:null", EFF_FLOAT, "null"},
    {"json:{}", EFF_FLOAT, "!an array or an object"},
    {"bytes:1", EFF_FLOAT, "!bytes to float"},
    {"date:2026-01-31", EFF_FLOAT, "!date to float"},
    {"time:12:00:00", EFF_FLOAT, "!time to float"},
    {"datetime:2026-01-31T00:00:00", EFF_FLOAT, "!datetime to float"},
    {"instant:2026-01-31T00:00:00Z", EFF_FLOAT, "!timestamp to float"},
    {"null", EFF_FLOAT, "null"},
    {"absent", EFF_FLOAT, "absent"},
    {"decimal:1.50", EFF_DECIMAL, "decimal:1.50"},
    {"bool:1", EFF_DECIMAL, "decimal:1"},
    {"bool:0", EFF_DECIMAL, "decimal:0"},
    {"int:-5", EFF_DECIMAL, "decimal:-5"},
    {"int:9223372036854775807", EFF_DECIMAL, "decimal:9223372036854775807"},
    {"int:-9223372036854775808", EFF_DECIMAL, "decimal:-9223372036854775808"},
    {"float:0.1", EFF_DECIMAL, "decimal:0.1"},
    {"float:1e21", EFF_DECIMAL, "decimal:1000000000000000000000"},
    {"float:1e-7", EFF_DECIMAL, "decimal:0.0000001"},
    {"float:-0.0", EFF_DECIMAL, "decimal:0"},
    {"float:nan", EFF_DECIMAL, "!not a number"},
    {"float:inf", EFF_DECIMAL, "!not a number"},
    {"text:1.50", EFF_DECIMAL, "decimal:1.50"},
    {"text:99999999999999999999999999999999999999", EFF_DECIMAL,
     "decimal:99999999999999999999999999999999999999"},
    {"text:0.99999999999999999999999999999999999999", EFF_DECIMAL,
     "decimal:0.99999999999999999999999999999999999999"},
    {"text:18446744073709551615", EFF_DECIMAL, "decimal:18446744073709551615"},
    {"text:1e3", EFF_DECIMAL, "decimal:1e3"},
    {"text:1e999", EFF_DECIMAL, "decimal:1e999"},
    {"text:1e1001", EFF_DECIMAL, "!too many digits"},
    {"text:1e999999999", EFF_DECIMAL, "!too many digits"},
    {"text:1e-999999999", EFF_DECIMAL, "!too many digits"},
    {"text:", EFF_DECIMAL, "!not a number"},
    {"text: 1", EFF_DECIMAL, "!not a number"},
    {"text:1,50", EFF_DECIMAL, "!not a number"},
    {"text:1'000", EFF_DECIMAL, "!not a number"},
    {"text:NaN", EFF_DECIMAL, "!not a number"},
    {"text:EUR 5", EFF_DECIMAL, "!not a number"},
    {"text:0x1", EFF_DECIMAL, "!not a number"},
    {"json:1.50", EFF_DECIMAL, "decimal:1.50"},
    {"json:12345678901234567890.123", EFF_DECIMAL, "decimal:12345678901234567890.123"},
    {"json:\"1.50\"", EFF_DECIMAL, "decimal:1.50"},
    {"json:true", EFF_DECIMAL, "decimal:1"},
    {"json:null", EFF_DECIMAL, "null"},
    {"json:[1]", EFF_DECIMAL, "!an array or an object"},
    {"bytes:1", EFF_DECIMAL, "!bytes to decimal"},
    {"date:2026-01-31", EFF_DECIMAL, "!date to decimal"},
    {"time:12:00:00", EFF_DECIMAL, "!time to decimal"},
    {"datetime:2026-01-31T00:00:00", EFF_DECIMAL, "!datetime to decimal"},
    {"instant:2026-01-31T00:00:00Z", EFF_DECIMAL, "!timestamp to decimal"},
    {"null", EFF_DECIMAL, "null"},
    {"absent", EFF_DECIMAL, "absent"},
    {"text:abc", EFF_TEXT, "text:abc"},
    {"text:", EFF_TEXT, "text:"},
    {"bool:1", EFF_TEXT, "text:true"},
    {"bool:0", EFF_TEXT, "text:false"},
    {"int:-5", EFF_TEXT, "text:-5"},
    {"int:-9223372036854775808", EFF_TEXT, "text:-9223372036854775808"},
    {"float:0.1", EFF_TEXT, "text:0.1"},
    {"float:nan", EFF_TEXT, "text:NaN"},
    {"float:-inf", EFF_TEXT, "text:-Infinity"},
    {"float:1e300", EFF_TEXT, "text:1e+300"},
    {"decimal:1.50", EFF_TEXT, "text:1.50"},
    {"decimal:007", EFF_TEXT, "text:007"},
    {"bytes:abc", EFF_TEXT, "text:YWJj"},
    {"bytes:", EFF_TEXT, "text:"},
    {"date:2024-02-29", EFF_TEXT, "text:2024-02-29"},
    {"date:0001-01-01", EFF_TEXT, "text:0001-01-01"},
    {"date:9999-12-31", EFF_TEXT, "text:9999-12-31"},
    {"date:#2932897", EFF_TEXT, "!year is not"},
    {"date:#-719163", EFF_TEXT, "!year is not"},
    {"date:#9223372036854775807", EFF_TEXT, "!year is not"},
    {"time:12:30:00", EFF_TEXT, "text:12:30:00"},
    {"time:00:00:00.000001", EFF_TEXT, "text:00:00:00.000001"},
    {"datetime:2026-01-31T12:30:00", EFF_TEXT, "text:2026-01-31T12:30:00"},
    {"datetime:2026-01-31T12:30:00.123456789", EFF_TEXT, "text:2026-01-31T12:30:00.123456789"},
    {"instant:2026-01-31T12:30:00+02:00", EFF_TEXT, "text:2026-01-31T10:30:00Z"},
    {"instant:1969-12-31T23:59:59.999999Z", EFF_TEXT, "text:1969-12-31T23:59:59.999999Z"},
    {"instant:9999-12-31T23:59:59.999999Z", EFF_TEXT, "text:9999-12-31T23:59:59.999999Z"},
    {"instant:#253402300800000000", EFF_TEXT, "!year is not"},
    {"instant:#-62135596800000001", EFF_TEXT, "!year is not"},
    {"instant:#-62135596800000000", EFF_TEXT, "text:0001-01-01T00:00:00Z"},
    {"json:\"abc\"", EFF_TEXT, "text:abc"},
    {"json:\"\"", EFF_TEXT, "text:"},
    {"json:1.50", EFF_TEXT, "text:1.50"},
    {"json:true", EFF_TEXT, "text:true"},
    {"json:null", EFF_TEXT, "null"},
    {"json:[1, 2]", EFF_TEXT, "text:[1, 2]"},
    {"json:{\"a\":1}", EFF_TEXT, "text:{\"a\":1}"},
    {"json:\"\\u00e9\"", EFF_TEXT, "text:\xc3\xa9"},
    {"json:nope", EFF_TEXT, "!not valid json"},
    {"null", EFF_TEXT, "null"},
    {"absent", EFF_TEXT, "absent"},
    {"bad:x", EFF_TEXT, "!x"},
    {"bytes:abc", EFF_BYTES, "bytes:abc"},
    {"text:YWJj", EFF_BYTES, "bytes:abc"},
    {"text:", EFF_BYTES, "bytes:"},
    {"text:YWI=", EFF_BYTES, "bytes:ab"},
    {"text:YWI", EFF_BYTES, "bytes:ab"},
    {"text:a b", EFF_BYTES, "!not base64"},
    {"text:Y", EFF_BYTES, "!not base64"},
    {"text:\xc3\xa9", EFF_BYTES, "!not base64"},
    {"json:\"YWJj\"", EFF_BYTES, "bytes:abc"},
    {"json:5", EFF_BYTES, "!to bytes"},
    {"int:5", EFF_BYTES, "!to bytes"},
    {"bool:1", EFF_BYTES, "!to bytes"},
    {"float:1", EFF_BYTES, "!to bytes"},
    {"decimal:1", EFF_BYTES, "!to bytes"},
    {"date:2026-01-31", EFF_BYTES, "!to bytes"},
    {"time:12:00:00", EFF_BYTES, "!to bytes"},
    {"datetime:2026-01-31T00:00:00", EFF_BYTES, "!to bytes"},
    {"instant:2026-01-31T00:00:00Z", EFF_BYTES, "!to bytes"},
    {"null", EFF_BYTES, "null"},
    {"absent", EFF_BYTES, "absent"},
    {"date:2026-01-31", EFF_DATE, "date:2026-01-31"},
    {"datetime:2026-01-31T00:00:00", EFF_DATE, "date:2026-01-31"},
    {"datetime:1960-02-29T00:00:00", EFF_DATE, "date:1960-02-29"},
    {"datetime:2026-01-31T00:00:01", EFF_DATE, "!time of day"},
    {"datetime:2026-01-31T00:00:00.000000001", EFF_DATE, "!time of day"},
    {"datetime:1960-02-29T23:59:59", EFF_DATE, "!time of day"},
    {"instant:2026-01-31T00:00:00Z", EFF_DATE, "!time zone"},
    {"text:2026-01-31", EFF_DATE, "date:2026-01-31"},
    {"text:2024-02-29", EFF_DATE, "date:2024-02-29"},
    {"text:2000-02-29", EFF_DATE, "date:2000-02-29"},
    {"text:0001-01-01", EFF_DATE, "date:0001-01-01"},
    {"text:9999-12-31", EFF_DATE, "date:9999-12-31"},
    {"text:2026-01-31T00:00:00", EFF_DATE, "date:2026-01-31"},
    {"text:2026-01-31 00:00", EFF_DATE, "date:2026-01-31"},
    {"text:2026-01-31T12:00:00", EFF_DATE, "!time of day"},
    {"text:2026-01-31T00:00:00Z", EFF_DATE, "!time zone"},
    {"text:", EFF_DATE, "!not a date"},
    {"text:0000-00-00", EFF_DATE, "!not a date"},
    {"text:2026-00-00", EFF_DATE, "!not a date"},
    {"text:2026-02-29", EFF_DATE, "!not a date"},
    {"text:1900-02-29", EFF_DATE, "!not a date"},
    {"text:2100-02-29", EFF_DATE, "!not a date"},
    {"text:2026-04-31", EFF_DATE, "!not a date"},
    {"text:2026-13-01", EFF_DATE, "!not a date"},
    {"text:2026-1-31", EFF_DATE, "!not a date"},
    {"text:31.01.2026", EFF_DATE, "!not a date"},
    {"text:01/31/2026", EFF_DATE, "!not a date"},
    {"text:20260131", EFF_DATE, "!not a date"},
    {"text:2026-01", EFF_DATE, "!not a date"},
    {"text:2026", EFF_DATE, "!not a date"},
    {"text:26-01-31", EFF_DATE, "!not a date"},
    {"text:2026-W05-6", EFF_DATE, "!not a date"},
    {"text:today", EFF_DATE, "!not a date"},
    {"text:infinity", EFF_DATE, "!not a date"},
    {"text:-0001-01-01", EFF_DATE, "!not a date"},
    {"text:10000-01-01", EFF_DATE, "!not a date"},
    {"text:2026-01-31 ", EFF_DATE, "!not a date"},
    {"text:2026-01-31Z", EFF_DATE, "!not a date"},
    {"text:2026/01/31", EFF_DATE, "!not a date"},
    {"text:Jan 31 2026", EFF_DATE, "!not a date"},
    {"text:1769817600", EFF_DATE, "!not a date"},
    {"int:20260131", EFF_DATE, "!integer to date"},
    {"int:0", EFF_DATE, "!integer to date"},
    {"float:1", EFF_DATE, "!float to date"},
    {"decimal:20260131", EFF_DATE, "!decimal to date"},
    {"bool:0", EFF_DATE, "!boolean to date"},
    {"bytes:2026-01-31", EFF_DATE, "!bytes to date"},
    {"time:12:00:00", EFF_DATE, "!time to date"},
    {"json:\"2026-01-31\"", EFF_DATE, "date:2026-01-31"},
    {"json:20260131", EFF_DATE, "!decimal to date"},
    {"null", EFF_DATE, "null"},
    {"absent", EFF_DATE, "absent"},
    {"time:12:30:00", EFF_TIME, "time:12:30:00"},
    {"text:12:30", EFF_TIME, "time:12:30:00"},
    {"text:12:30:05", EFF_TIME, "time:12:30:05"},
    {"text:00:00:00.123456789", EFF_TIME, "time:00:00:00.123456789"},
    {"text:23:59:59.999999", EFF_TIME, "time:23:59:59.999999"},
    {"text:", EFF_TIME, "!not a time"},
    {"text:24:00:00", EFF_TIME, "!not a time"},
    {"text:12:60", EFF_TIME, "!not a time"},
    {"text:23:59:60", EFF_TIME, "!not a time"},
    {"text:1:30", EFF_TIME, "!not a time"},
    {"text:12", EFF_TIME, "!not a time"},
    {"text:12:30pm", EFF_TIME, "!not a time"},
    {"text:12:30Z", EFF_TIME, "!not a time"},
    {"text:12:30+02", EFF_TIME, "!not a time"},
    {"text:-01:00", EFF_TIME, "!not a time"},
    {"text:2026-01-31T12:30", EFF_TIME, "!not a time"},
    {"text:noon", EFF_TIME, "!not a time"},
    {"text:12:30:00.0000000001", EFF_TIME, "!not a time"},
    {"datetime:2026-01-31T12:30:00", EFF_TIME, "!date would be lost"},
    {"instant:2026-01-31T12:30:00Z", EFF_TIME, "!time zone"},
    {"date:2026-01-31", EFF_TIME, "!date to time"},
    {"int:1230", EFF_TIME, "!integer to time"},
    {"json:\"12:30\"", EFF_TIME, "time:12:30:00"},
    {"bytes:12:30", EFF_TIME, "!bytes to time"},
    {"bool:1", EFF_TIME, "!boolean to time"},
    {"null", EFF_TIME, "null"},
    {"absent", EFF_TIME, "absent"},
    {"datetime:2026-01-31T12:30:00", EFF_DATETIME, "datetime:2026-01-31T12:30:00"},
    {"date:2026-01-31", EFF_DATETIME, "datetime:2026-01-31T00:00:00"},
    {"date:1969-12-31", EFF_DATETIME, "datetime:1969-12-31T00:00:00"},
    {"date:#9223372036854775807", EFF_DATETIME, "!too far"},
    {"instant:2026-01-31T12:30:00Z", EFF_DATETIME, "!time zone"},
    {"text:2026-01-31T12:30:00", EFF_DATETIME, "datetime:2026-01-31T12:30:00"},
    {"text:2026-01-31 12:30:00.5", EFF_DATETIME, "datetime:2026-01-31T12:30:00.5"},
    {"text:2026-01-31T12:30:00.123456789", EFF_DATETIME, "datetime:2026-01-31T12:30:00.123456789"},
    {"text:2026-01-31", EFF_DATETIME, "datetime:2026-01-31T00:00:00"},
    {"text:2026-03-29T02:30:00", EFF_DATETIME, "datetime:2026-03-29T02:30:00"},
    {"text:2026-01-31T12:30:00Z", EFF_DATETIME, "!time zone"},
    {"text:2026-01-31T12:30:00+02:00", EFF_DATETIME, "!time zone"},
    {"text:", EFF_DATETIME, "!not a date and time"},
    {"text:0000-00-00 00:00:00", EFF_DATETIME, "!not a date and time"},
    {"text:2026-01-31T24:00:00", EFF_DATETIME, "!not a date and time"},
    {"text:2026-01-31T12:30:60", EFF_DATETIME, "!not a date and time"},
    {"text:2026-02-30T00:00:00", EFF_DATETIME, "!not a date and time"},
    {"text:2026-01-31T12", EFF_DATETIME, "!not a date and time"},
    {"text:2026-01-31T12:30:00 Europe/Berlin", EFF_DATETIME, "!not a date and time"},
    {"text:2026-01-31  12:30", EFF_DATETIME, "!not a date and time"},
    {"text:now", EFF_DATETIME, "!not a date and time"},
    {"int:0", EFF_DATETIME, "!integer to datetime"},
    {"time:12:30:00", EFF_DATETIME, "!time to datetime"},
    {"json:\"2026-01-31T12:30:00\"", EFF_DATETIME, "datetime:2026-01-31T12:30:00"},
    {"decimal:0", EFF_DATETIME, "!decimal to datetime"},
    {"null", EFF_DATETIME, "null"},
    {"absent", EFF_DATETIME, "absent"},
    {"instant:2026-01-31T12:30:00Z", EFF_INSTANT, "instant:2026-01-31T12:30:00Z"},
    {"datetime:2026-01-31T12:30:00", EFF_INSTANT, "!no time zone"},
    {"date:2026-01-31", EFF_INSTANT, "!no time zone"},
    {"text:2026-01-31T12:30:00Z", EFF_INSTANT, "instant:2026-01-31T12:30:00Z"},
    {"text:2026-01-31 12:30:00 UTC", EFF_INSTANT, "instant:2026-01-31T12:30:00Z"},
    {"text:2026-01-31T12:30:00+02:00", EFF_INSTANT, "instant:2026-01-31T10:30:00Z"},
    {"text:2026-01-31T12:30:00-0730", EFF_INSTANT, "instant:2026-01-31T20:00:00Z"},
    {"text:2026-01-01T00:00:00+14:00", EFF_INSTANT, "instant:2025-12-31T10:00:00Z"},
    {"text:2024-02-29T23:30:00-01", EFF_INSTANT, "instant:2024-03-01T00:30:00Z"},
    {"text:2026-01-31T12:30:00.000000001Z", EFF_INSTANT, "instant:2026-01-31T12:30:00.000000001Z"},
    {"text:2026-10-25T02:30:00+02:00", EFF_INSTANT, "instant:2026-10-25T00:30:00Z"},
    {"text:2026-10-25T02:30:00+01:00", EFF_INSTANT, "instant:2026-10-25T01:30:00Z"},
    {"text:2026-01-31T12:30:00", EFF_INSTANT, "!no time zone"},
    {"text:2026-01-31", EFF_INSTANT, "!no time zone"},
    {"text:2026-01-31T12:30:00 CET", EFF_INSTANT, "!not a date and time"},
    {"text:2026-06-30T23:59:60Z", EFF_INSTANT, "!not a date and time"},
    {"text:1769862600", EFF_INSTANT, "!not a date and time"},
    {"text:", EFF_INSTANT, "!not a date and time"},
    {"int:1769862600", EFF_INSTANT, "!integer to timestamp"},
    {"float:1", EFF_INSTANT, "!float to timestamp"},
    {"time:12:30:00", EFF_INSTANT, "!time to timestamp"},
    {"json:\"2026-01-31T12:30:00Z\"", EFF_INSTANT, "instant:2026-01-31T12:30:00Z"},
    {"json:1769862600", EFF_INSTANT, "!decimal to timestamp"},
    {"null", EFF_INSTANT, "null"},
    {"absent", EFF_INSTANT, "absent"},
    {"json:{\"a\": 1}", EFF_JSON, "json:{\"a\": 1}"},
    {"json:null", EFF_JSON, "json:null"},
    {"text:{\"a\":[1,2]}", EFF_JSON, "json:{\"a\":[1,2]}"},
    {"text:\"abc\"", EFF_JSON, "json:\"abc\""},
    {"text:123", EFF_JSON, "json:123"},
    {"text:null", EFF_JSON, "json:null"},
    {"text:", EFF_JSON, "!not valid json"},
    {"text:abc", EFF_JSON, "!not valid json"},
    {"text:{", EFF_JSON, "!not valid json"},
    {"text:{a:1}", EFF_JSON, "!not valid json"},
    {"text:[1,]", EFF_JSON, "!not valid json"},
    {"text:{'a':1}", EFF_JSON, "!not valid json"},
    {"text:NaN", EFF_JSON, "!not valid json"},
    {"text:{\"a\":1,\"a\":2}", EFF_JSON, "!not valid json"},
    {"text:[1] x", EFF_JSON, "!not valid json"},
    {"text:01", EFF_JSON, "!not valid json"},
    {"bool:1", EFF_JSON, "json:true"},
    {"bool:0", EFF_JSON, "json:false"},
    {"int:9223372036854775807", EFF_JSON, "json:9223372036854775807"},
    {"float:0.1", EFF_JSON, "json:0.1"},
    {"float:nan", EFF_JSON, "!not a number"},
    {"float:inf", EFF_JSON, "!not a number"},
    {"decimal:1.50", EFF_JSON, "json:1.50"},
    {"decimal:.5", EFF_JSON, "json:0.5"},
    {"decimal:x", EFF_JSON, "!not a number"},
    {"bytes:abc", EFF_JSON, "json:\"YWJj\""},
    {"date:2026-01-31", EFF_JSON, "json:\"2026-01-31\""},
    {"date:#2932897", EFF_JSON, "!year is not"},
    {"time:12:30:00", EFF_JSON, "json:\"12:30:00\""},
    {"datetime:2026-01-31T12:30:00", EFF_JSON, "json:\"2026-01-31T12:30:00\""},
    {"instant:2026-01-31T12:30:00Z", EFF_JSON, "json:\"2026-01-31T12:30:00Z\""},
    {"null", EFF_JSON, "null"},
    {"absent", EFF_JSON, "absent"},
    {"bool:1", EFF_DATETIME, "!boolean to datetime"},
    {"bool:1", EFF_INSTANT, "!boolean to timestamp"},
    {"float:1", EFF_TIME, "!float to time"},
    {"float:1", EFF_DATETIME, "!float to datetime"},
    {"decimal:1", EFF_TIME, "!decimal to time"},
    {"decimal:1", EFF_INSTANT, "!decimal to timestamp"},
    {"bytes:1", EFF_DATETIME, "!bytes to datetime"},
    {"bytes:1", EFF_INSTANT, "!bytes to timestamp"},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

static struct eff_arena arena;

static void
check_refused(const struct cast_case *c, const struct eff_value *from, const struct eff_err *err)
{
    eff_str shown = {0};

    if (!strstr(err->msg, c->want + 1))
        fail_msg("%s to %s: said \"%s\", not \"%s\"", c->from, eff_kind_name(c->to), err->msg,
                 c->want + 1);
    assert_int_equal(err->fault, EFF_ROW);
    if (from->kind == EFF_TEXT || from->kind == EFF_DECIMAL || from->kind == EFF_JSON)
        shown = eff_value_str(from);
    // Past "as in" stands an example of ours.
    if (shown.len > 5 &&
        eff_str_find(eff_str_sub(eff_str_of(err->msg), 0,
                                 eff_str_find(eff_str_of(err->msg), EFF_STR(" as in "))),
                     shown) != SIZE_MAX)
        fail_msg("%s to %s: shows the value: %s", c->from, eff_kind_name(c->to), err->msg);
}

static void
test_table(void **state)
{
    struct eff_buf buf = {0};

    (void)state;
    assert_true(CASES >= 300);
    for (size_t i = 0; i < CASES; i++) {
        const struct cast_case *c = &cases[i];
        struct eff_value from = planvalue_of(c->from), to = {.kind = EFF_BAD};
        struct eff_err err = {0};
        enum eff_fault fault = eff_transform_cast(c->to, &from, &arena, &to, &err);

        if (c->want[0] == '!') {
            if (fault == EFF_OK)
                fail_msg("%s to %s: became %s", c->from, eff_kind_name(c->to),
                         planvalue_text(&to, &buf));
            check_refused(c, &from, &err);
            assert_int_equal(to.kind, EFF_BAD); // Written only on success.
        } else {
            if (fault != EFF_OK)
                fail_msg("%s to %s: %s", c->from, eff_kind_name(c->to), err.msg);
            assert_string_equal(planvalue_text(&to, &buf), c->want);
        }
        // The value may be its own result.
        to = from;
        assert_int_equal(eff_transform_cast(c->to, &to, &arena, &to, &err), fault);
        if (fault == EFF_OK)
            assert_string_equal(planvalue_text(&to, &buf), c->want);
        eff_arena_reset(&arena);
    }
    eff_buf_free(&buf);
}

/* The table above would not notice a pair of kinds that it forgot. */
static void
test_table_is_complete(void **state)
{
    bool seen[EFF_ABSENT + 1][EFF_ABSENT + 1] = {0};

    (void)state;
    for (size_t i = 0; i < CASES; i++)
        seen[planvalue_of(cases[i].from).kind][cases[i].to] = true;
    for (int from = EFF_BOOL; from <= EFF_JSON; from++)
        for (int to = EFF_BOOL; to <= EFF_JSON; to++)
            if (!seen[from][to])
                fail_msg("no case from %s to %s", planvalue_kinds[from], planvalue_kinds[to]);
}

static void
test_no_such_target(void **state)
{
    static const enum eff_kind kinds[] = {EFF_NULL, EFF_BAD, EFF_ABSENT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct eff_value from = planvalue_of("int:1"), to;
        struct eff_err err = {0};

        assert_int_equal(eff_transform_cast(kinds[i], &from, &arena, &to, &err), EFF_CONFIG);
    }
}

/* Neither a transform nor a rule of normalizing that there is not sends a value as it is. */
static void
test_no_such_transform(void **state)
{
    static const size_t inputs[] = {0};
    static const eff_str names[] = {{"c", 1}};
    struct eff_transform transform = {.kind = (enum eff_transform_kind)99};
    struct eff_field field = {.name = EFF_STR("x"),
                              .inputs_count = 1,
                              .inputs = inputs,
                              .input_names = names,
                              .transforms = &transform,
                              .transforms_count = 1};
    struct eff_value from = planvalue_of("text:a"), to = planvalue_of("int:1");
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_transform_field(&field, &from, &arena, &to, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "unknown transform 99"));
    transform = (struct eff_transform){.kind = EFF_TRANSFORM_NORMALIZE,
                                       .normalize = (enum eff_normalize)99};
    assert_int_equal(eff_transform_field(&field, &from, &arena, &to, &err), EFF_ROW);
    assert_non_null(strstr(err.msg, "there is no such rule"));
    assert_int_equal(to.kind, EFF_INT);
}

static void
test_zone_hint(void **state)
{
    struct eff_value from = planvalue_of("datetime:2026-03-29T02:30:00"), to;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_transform_cast(EFF_INSTANT, &from, &arena, &to, &err), EFF_ROW);
    assert_non_null(strstr(err.hint, "AT TIME ZONE"));
}

/* A text that is a decimal already costs nothing. */
static void
test_borrows(void **state)
{
    struct eff_value from = planvalue_of("text:12.50"), to;
    struct eff_err err = {0};
    size_t used = arena.used;

    (void)state;
    assert_int_equal(eff_transform_cast(EFF_DECIMAL, &from, &arena, &to, &err), EFF_OK);
    assert_ptr_equal(to.ptr, from.ptr);
    assert_int_equal(arena.used, used);
}

/* A value's length has 32 bits: what is longer is refused, and never cut. */
static void
test_longer_than_a_value(void **state)
{
    struct eff_value to = planvalue_of("int:7");
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_convert_str(EFF_TEXT, (eff_str){"", (size_t)UINT32_MAX + 1}, &to, &err),
                     EFF_ROW);
    assert_string_equal(err.msg, "the result is larger than 4 GiB");
    assert_int_equal(to.kind, EFF_INT);
    assert_int_equal(eff_convert_str(EFF_TEXT, (eff_str){"", UINT32_MAX}, &to, &err), EFF_OK);
    assert_int_equal(to.len, UINT32_MAX);
}

/* INT -> TEXT -> INT and FLOAT -> DECIMAL -> FLOAT give the same value for any value. */
static void
test_round_trips(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct eff_value number = eff_value_of_int(EFF_INT, (int64_t)random_next(&random)), there,
                         back;
        struct eff_err err = {0};
        uint64_t bits = random_next(&random);
        double f;

        assert_int_equal(eff_transform_cast(EFF_TEXT, &number, &arena, &there, &err), EFF_OK);
        assert_int_equal(eff_transform_cast(EFF_INT, &there, &arena, &back, &err), EFF_OK);
        assert_true(back.kind == EFF_INT && back.i == number.i);
        memcpy(&f, &bits, sizeof(f));
        number = eff_value_of_float(f);
        if (!isfinite(f)) {
            assert_int_equal(eff_transform_cast(EFF_DECIMAL, &number, &arena, &there, &err),
                             EFF_ROW);
            continue;
        }
        assert_int_equal(eff_transform_cast(EFF_DECIMAL, &number, &arena, &there, &err), EFF_OK);
        assert_int_equal(eff_transform_cast(EFF_FLOAT, &there, &arena, &back, &err), EFF_OK);
        assert_true(back.kind == EFF_FLOAT && back.f == f);
        eff_arena_reset(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_is_complete),
        cmocka_unit_test(test_no_such_target),
        cmocka_unit_test(test_no_such_transform),
        cmocka_unit_test(test_zone_hint),
        cmocka_unit_test(test_borrows),
        cmocka_unit_test(test_longer_than_a_value),
        cmocka_unit_test(test_round_trips),
    };
    int failed;

    eff_arena_init(&arena, "test", (size_t)16 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    eff_arena_deinit(&arena);
    return failed;
}
