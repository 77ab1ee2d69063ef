#include "pch_std.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
