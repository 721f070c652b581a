/* A layer linked whole with nothing but what it says it needs: that this links is the test. */
int main(void)
{
	return 0;
}
