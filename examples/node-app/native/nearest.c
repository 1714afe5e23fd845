/* The binding: distance(from, to) for JavaScript, through Node-API, whose binary interface outlives versions of Node. */
#include <node_api.h>

#include "distance.h"

static int read_text(napi_env env, napi_value value, char *text, size_t *size)
{
    size_t whole;

    if (napi_get_value_string_utf8(env, value, NULL, 0, &whole) != napi_ok) {
        napi_throw_type_error(env, NULL, "distance() takes two strings");
        return 0;
    }
    if (whole > DISTANCE_LONGEST) {
        napi_throw_range_error(env, NULL, "distance() takes texts of up to 255 bytes");
        return 0;
    }
    return napi_get_value_string_utf8(env, value, text, DISTANCE_LONGEST + 1, size) == napi_ok;
}

static napi_value call_distance(napi_env env, napi_callback_info info)
{
    size_t count = 2, from_size, to_size;
    napi_value arguments[2], result;
    char from[DISTANCE_LONGEST + 1], to[DISTANCE_LONGEST + 1];

    if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok)
        return NULL;
    if (!read_text(env, arguments[0], from, &from_size) || !read_text(env, arguments[1], to, &to_size))
        return NULL;
    if (napi_create_uint32(env, distance(from, from_size, to, to_size), &result) != napi_ok)
        return NULL;
    return result;
}

NAPI_MODULE_INIT()
{
    napi_value function;

    if (napi_create_function(env, "distance", NAPI_AUTO_LENGTH, call_distance, NULL, &function) == napi_ok)
        napi_set_named_property(env, exports, "distance", function);
    return exports;
}
