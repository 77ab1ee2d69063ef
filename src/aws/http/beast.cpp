// As src/base/asio.cpp, for Beast.
#include <boost/beast/src.hpp>
